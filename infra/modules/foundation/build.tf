# Cloud Build's account: it pushes one image, sees all services of Cloud Run and changes those of the teams (which the
# teams' module allows), and nothing else.
resource "google_service_account" "build" {
  project      = var.project
  account_id   = "nixery-build"
  display_name = "Builds and rolls out nixery-run"

  depends_on = [google_project_service.apis]
}

# What `gcloud builds submit` sends.
resource "google_storage_bucket" "source" {
  project                     = var.project
  name                        = "${var.project}-nixery-source"
  location                    = var.region
  uniform_bucket_level_access = true
  public_access_prevention    = "enforced"
  force_destroy               = true

  soft_delete_policy {
    retention_duration_seconds = 0
  }

  lifecycle_rule {
    action {
      type = "Delete"
    }

    condition {
      age = 7
    }
  }

  depends_on = [google_project_service.apis]
}
