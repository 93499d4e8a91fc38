output "images" {
  description = "The repository of images, without a slash at its end."
  value       = "${google_artifact_registry_repository.images.location}-docker.pkg.dev/${var.project}/${google_artifact_registry_repository.images.repository_id}"
}

output "build_account" {
  description = "The e-mail address of the account that builds and rolls out."
  value       = google_service_account.build.email
}

output "source_bucket" {
  description = "The name of the bucket of the builds' sources."
  value       = google_storage_bucket.source.name
}

output "secret_ids" {
  description = "The secrets by the names that were asked for."
  value       = { for id, secret in google_secret_manager_secret.secrets : id => secret.secret_id }
}

output "signing_role" {
  description = "The name of the role that signs as an account."
  value       = google_project_iam_custom_role.signs.name
}
