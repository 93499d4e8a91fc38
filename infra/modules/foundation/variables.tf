variable "project" {
  description = "The id of the project."
  type        = string
  nullable    = false
}

variable "region" {
  description = "The region of the repository of images and of the builds' sources."
  type        = string
  nullable    = false
}

variable "secrets" {
  description = "The ids of secrets to make, without versions, with the team and kind of each."
  type        = map(object({ team = string, kind = string }))
  nullable    = false
}
