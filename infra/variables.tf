variable "project" {
  description = "The id of the Google Cloud project that all of this lives in."
  type        = string
  nullable    = false

  validation {
    condition     = can(regex("^[a-z][a-z0-9-]{4,28}[a-z0-9]$", var.project))
    error_message = "project must be a project's id (6 to 30 of a-z, 0-9 and -), as project = \"acme-images\"."
  }
}

variable "region" {
  description = "The region of what the teams share: the repository of the service's image and the builds. Teams have regions of their own."
  type        = string
  nullable    = false

  validation {
    condition     = can(regex("^[a-z]+-[a-z]+[0-9]{1,2}$", var.region))
    error_message = "region must be a region, not a zone or a multi-region, as region = \"europe-west1\"."
  }
}

variable "image" {
  description = "The image that a team's service starts its life with. Later ones come from Cloud Build and are left alone by Terraform. The newest that passed its smoke test when null."
  type        = string
  default     = null

  validation {
    condition     = var.image == null || can(regex("^[a-z0-9.-]+(:[0-9]+)?/[a-z0-9._/-]+(:[A-Za-z0-9_.-]+|@sha256:[0-9a-f]{64})$", var.image))
    error_message = "image must be a full reference with a tag or digest, as image = \"europe-west1-docker.pkg.dev/acme-images/nixery/nixery-run:current\"."
  }
}

variable "deletion_protection" {
  description = "Whether Terraform refuses to delete the services, and the buckets that hold objects, of teams that do not say it themselves."
  type        = bool
  default     = true
  nullable    = false
}
