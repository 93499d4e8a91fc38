variable "project" {
  description = "The id of the project."
  type        = string
  nullable    = false
}

variable "name" {
  description = "The team's name."
  type        = string
  nullable    = false
}

variable "settings" {
  description = "What the team may have; described and validated where all teams are declared."
  nullable    = false

  type = object({
    region                = string
    channel               = optional(string)
    repository            = optional(string)
    commits               = string
    platforms             = list(string)
    git_config            = bool
    deploy_key            = bool
    host_key              = optional(string)
    cpu                   = number
    memory_mib            = number
    store_mib             = number
    min_instances         = number
    max_instances         = number
    concurrency           = number
    timeout_seconds       = number
    build_timeout_seconds = number
    retention_days        = number
    credentials           = bool
    google_allow          = list(string)
    allow                 = list(string)
    deny                  = list(string)
    signing               = string
    substituters          = list(string)
    trusted_keys          = list(string)
    netrc                 = bool
    admins                = list(string)
  })
}

variable "image" {
  description = "The image of the service's first revision."
  type        = string
  nullable    = false
}

variable "build_account" {
  description = "The e-mail address of the account that rolls out new revisions."
  type        = string
  nullable    = false
}

variable "signing_role" {
  description = "The name of the role with which the account signs as itself."
  type        = string
  nullable    = false
}

variable "secrets" {
  description = "The ids of the team's secrets by their kind."
  type        = map(string)
  nullable    = false
}

variable "deletion_protection" {
  description = "Whether the service, and a bucket that holds objects, cannot be deleted."
  type        = bool
  nullable    = false
}
