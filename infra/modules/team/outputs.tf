output "host" {
  description = "The host that images are pulled from."
  value       = trimprefix(google_cloud_run_v2_service.registry.uri, "https://")
}

output "endpoint" {
  description = "The endpoint's URL."
  value       = google_cloud_run_v2_service.registry.uri
}

output "login" {
  description = "How to log in to it."
  value = (
    var.settings.credentials
    ? "docker login --username USER --password-stdin ${trimprefix(google_cloud_run_v2_service.registry.uri, "https://")}"
    : "no login: the endpoint answers inside the project's networks alone"
  )
}

output "account" {
  description = "The e-mail address of the account that the service runs and signs as."
  value       = google_service_account.team.email
}

output "bucket" {
  description = "The name of the bucket."
  value       = google_storage_bucket.store.name
}

output "service" {
  description = "The name of the service."
  value       = google_cloud_run_v2_service.registry.name
}

output "deletion_protection" {
  description = "Whether neither the service nor a bucket that holds objects can be deleted."
  value       = google_cloud_run_v2_service.registry.deletion_protection && !google_storage_bucket.store.force_destroy
}
