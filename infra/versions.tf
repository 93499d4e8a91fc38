terraform {
  # Validations that look at more than their own variable came with 1.9.
  required_version = ">= 1.9"

  required_providers {
    google = {
      source  = "hashicorp/google"
      version = "~> 6.50"
    }
  }

  # The bucket is made by bootstrap.sh, which also names it: terraform init -backend-config=bucket=BUCKET
  backend "gcs" {
    prefix = "nixery-run"
  }
}
