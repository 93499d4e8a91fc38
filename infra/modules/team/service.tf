resource "google_cloud_run_v2_service" "registry" {
  project             = var.project
  name                = "nixery-${var.name}"
  location            = var.settings.region
  labels              = merge(local.labels, { credentials = tostring(var.settings.credentials) })
  deletion_protection = var.deletion_protection

  # A team without credentials has an endpoint for the project's networks alone.
  ingress = var.settings.credentials ? "INGRESS_TRAFFIC_ALL" : "INGRESS_TRAFFIC_INTERNAL_ONLY"

  # Neither docker nor a kubelet can send what Cloud Run's own check asks for: the program checks.
  invoker_iam_disabled = true

  template {
    service_account                  = google_service_account.team.email
    execution_environment            = "EXECUTION_ENVIRONMENT_GEN2"
    max_instance_request_concurrency = var.settings.concurrency
    timeout                          = "${var.settings.timeout_seconds}s"

    scaling {
      min_instance_count = var.settings.min_instances
      max_instance_count = var.settings.max_instances
    }

    containers {
      image = var.image

      ports {
        container_port = 8080
      }

      resources {
        limits = {
          cpu    = tostring(var.settings.cpu)
          memory = "${var.settings.memory_mib}Mi"
        }

        # A build goes on after the answer that it began with.
        cpu_idle          = false
        startup_cpu_boost = true
      }

      dynamic "env" {
        for_each = local.environment

        content {
          name  = env.key
          value = env.value
        }
      }

      # Ready: the bucket answers with the account's rights.
      startup_probe {
        period_seconds    = 1
        timeout_seconds   = 1
        failure_threshold = 60

        http_get {
          path = "/ready"
        }
      }

      liveness_probe {
        period_seconds    = 30
        timeout_seconds   = 10
        failure_threshold = 3

        http_get {
          path = "/health"
        }
      }

      volume_mounts {
        name       = "store"
        mount_path = "/nix"
      }

      dynamic "volume_mounts" {
        for_each = local.files

        content {
          name       = volume_mounts.key
          mount_path = volume_mounts.value.folder
        }
      }
    }

    # The Nix store is memory, and takes no more of it than this.
    volumes {
      name = "store"

      empty_dir {
        medium     = "MEMORY"
        size_limit = "${var.settings.store_mib}Mi"
      }
    }

    dynamic "volumes" {
      for_each = local.files

      content {
        name = volumes.key

        secret {
          secret       = var.secrets[volumes.key]
          default_mode = volumes.value.mode

          # The file follows the newest version: a rotation needs no new revision.
          items {
            version = "latest"
            path    = volumes.value.name
          }
        }
      }
    }
  }

  lifecycle {
    # Cloud Build brings images and moves traffic.
    ignore_changes = [
      client,
      client_version,
      template[0].containers[0].image,
      template[0].labels,
      traffic,
    ]
  }

  # A revision is ready once it reaches its bucket and reads its secrets.
  depends_on = [
    google_storage_bucket_iam_member.uses_its_bucket,
    google_service_account_iam_member.signs_as_itself,
    google_secret_manager_secret_iam_member.reads_its_secrets,
  ]
}
