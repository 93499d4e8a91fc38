# Everything in it can be made again: no versions, no soft delete, no backup.
resource "google_storage_bucket" "store" {
  project                     = var.project
  name                        = "${var.project}-nixery-${var.name}"
  location                    = var.settings.region
  uniform_bucket_level_access = true
  public_access_prevention    = "enforced"
  force_destroy               = !var.deletion_protection
  labels                      = local.labels

  soft_delete_policy {
    retention_duration_seconds = 0
  }

  # What a process that was killed left behind.
  lifecycle_rule {
    action {
      type = "Delete"
    }

    condition {
      age            = 1
      matches_prefix = ["uploads/"]
    }
  }

  # The custom time of an object says when it was last in use.
  lifecycle_rule {
    action {
      type = "Delete"
    }

    condition {
      days_since_custom_time = var.settings.retention_days
    }
  }
}
