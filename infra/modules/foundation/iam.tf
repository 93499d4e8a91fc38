# What a team's account may do to itself without a key: have URLs signed. The ready-made role that signs, "Service Account
# Token Creator", gives access tokens as well, so that one who got hold of a token for an hour could renew it for ever.
resource "google_project_iam_custom_role" "signs" {
  project     = var.project
  role_id     = "nixerySigner"
  title       = "nixery-run: signs URLs"
  description = "Signs as an account, and nothing else"
  permissions = ["iam.serviceAccounts.signBlob"]

  depends_on = [google_project_service.apis]
}

resource "google_artifact_registry_repository_iam_member" "build_pushes" {
  project    = var.project
  location   = google_artifact_registry_repository.images.location
  repository = google_artifact_registry_repository.images.name
  role       = "roles/artifactregistry.writer"
  member     = google_service_account.build.member
}

resource "google_storage_bucket_iam_member" "build_reads_source" {
  bucket = google_storage_bucket.source.name
  role   = "roles/storage.objectViewer"
  member = google_service_account.build.member
}

# A build with an account of its own writes its log itself; and lists the services that it rolls out.
resource "google_project_iam_member" "build" {
  for_each = toset(["roles/logging.logWriter", "roles/run.viewer"])

  project = var.project
  role    = each.key
  member  = google_service_account.build.member
}

# It logs in to the teams' endpoints with a user that can do nothing but pull.
resource "google_secret_manager_secret_iam_member" "build_reads_smoke" {
  for_each = { for id, secret in var.secrets : id => secret if secret.kind == "smoke" }

  project   = var.project
  secret_id = google_secret_manager_secret.secrets[each.key].secret_id
  role      = "roles/secretmanager.secretAccessor"
  member    = google_service_account.build.member
}
