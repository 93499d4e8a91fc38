# Empty: versions are added with gcloud, so that no secret is ever in Terraform's state.
resource "google_secret_manager_secret" "secrets" {
  for_each = var.secrets

  project   = var.project
  secret_id = each.key

  labels = {
    application = "nixery-run"
    team        = each.value.team
    kind        = each.value.kind
  }

  replication {
    auto {}
  }

  depends_on = [google_project_service.apis]
}
