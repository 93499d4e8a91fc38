# What the team's account may: use its bucket, sign as itself, read its secrets. A build can ask the metadata server for
# its token, so that it must never have more.
resource "google_service_account" "team" {
  project      = var.project
  account_id   = "nixery-${var.name}"
  display_name = "nixery-run of ${var.name}"
}

resource "google_storage_bucket_iam_member" "uses_its_bucket" {
  bucket = google_storage_bucket.store.name
  role   = "roles/storage.objectUser"
  member = google_service_account.team.member
}

resource "google_service_account_iam_member" "signs_as_itself" {
  for_each = toset(var.settings.signing == "keyless" ? ["keyless"] : [])

  service_account_id = google_service_account.team.name
  role               = var.signing_role
  member             = google_service_account.team.member
}

resource "google_secret_manager_secret_iam_member" "reads_its_secrets" {
  # The user of the smoke test is the build's business.
  for_each = { for kind, id in var.secrets : kind => id if kind != "smoke" }

  project   = var.project
  secret_id = each.value
  role      = "roles/secretmanager.secretAccessor"
  member    = google_service_account.team.member
}

# Cloud Build gives the service new revisions that run as the team's account.
resource "google_cloud_run_v2_service_iam_member" "build_rolls_out" {
  project  = var.project
  location = google_cloud_run_v2_service.registry.location
  name     = google_cloud_run_v2_service.registry.name
  role     = "roles/run.developer"
  member   = "serviceAccount:${var.build_account}"
}

resource "google_service_account_iam_member" "build_acts_as_team" {
  service_account_id = google_service_account.team.name
  role               = "roles/iam.serviceAccountUser"
  member             = "serviceAccount:${var.build_account}"
}

# Who looks after it: purges and verifies the bucket, reads secrets and adds versions (the one role does not read, the
# other does not add).
resource "google_storage_bucket_iam_member" "admins" {
  for_each = toset(var.settings.admins)

  bucket = google_storage_bucket.store.name
  role   = "roles/storage.objectUser"
  member = each.key
}

resource "google_secret_manager_secret_iam_member" "admins" {
  for_each = {
    for grant in setproduct(keys(var.secrets), var.settings.admins, ["Accessor", "VersionManager"]) :
    join(" ", grant) => { id = var.secrets[grant[0]], member = grant[1], role = "roles/secretmanager.secret${grant[2]}" }
  }

  project   = var.project
  secret_id = each.value.id
  role      = each.value.role
  member    = each.value.member
}

resource "google_cloud_run_v2_service_iam_member" "admins" {
  for_each = toset(var.settings.admins)

  project  = var.project
  location = google_cloud_run_v2_service.registry.location
  name     = google_cloud_run_v2_service.registry.name
  role     = "roles/run.viewer"
  member   = each.key
}
