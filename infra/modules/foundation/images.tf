resource "google_artifact_registry_repository" "images" {
  project       = var.project
  location      = var.region
  repository_id = "nixery"
  description   = "The image of nixery-run itself"
  format        = "DOCKER"

  # A rollback needs the last ones.
  cleanup_policies {
    id     = "keep-the-last-twenty"
    action = "KEEP"

    most_recent_versions {
      keep_count = 20
    }
  }

  cleanup_policies {
    id     = "delete-after-ninety-days"
    action = "DELETE"

    condition {
      older_than = "${90 * 24 * 3600}s"
    }
  }

  depends_on = [google_project_service.apis]
}
