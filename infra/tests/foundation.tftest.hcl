# What the teams share, and how little the build's account may.

mock_provider "google" {}

variables {
  project = "acme-images"
  region  = "europe-west1"
  secrets = {
    nixery-payments-credentials = { team = "payments", kind = "credentials" }
    nixery-payments-smoke       = { team = "payments", kind = "smoke" }
  }
}

run "the_source_bucket_is_private_and_emptied" {
  module {
    source = "./modules/foundation"
  }

  assert {
    condition     = google_storage_bucket.source.public_access_prevention == "enforced" && google_storage_bucket.source.uniform_bucket_level_access
    error_message = "The bucket of sources could be public."
  }

  assert {
    condition     = google_storage_bucket.source.soft_delete_policy[0].retention_duration_seconds == 0
    error_message = "Deleted sources are kept, and paid for."
  }

  assert {
    condition     = [for rule in google_storage_bucket.source.lifecycle_rule : one(rule.condition).age] == [7]
    error_message = "Sources stay for ever."
  }
}

run "the_build_may_write_logs_see_services_push_images_and_log_in_as_the_smoke_user" {
  module {
    source = "./modules/foundation"
  }

  assert {
    condition     = toset([for grant in google_project_iam_member.build : grant.role]) == toset(["roles/logging.logWriter", "roles/run.viewer"])
    error_message = "The build's account has other roles in the whole project."
  }

  assert {
    condition     = google_artifact_registry_repository_iam_member.build_pushes.role == "roles/artifactregistry.writer"
    error_message = "The build pushes with more than it needs."
  }

  assert {
    condition     = [for grant in google_secret_manager_secret_iam_member.build_reads_smoke : grant.secret_id] == ["nixery-payments-smoke"]
    error_message = "The build reads other secrets than those of the smoke test."
  }
}

run "what_signs_gives_no_tokens" {
  module {
    source = "./modules/foundation"
  }

  assert {
    condition     = google_project_iam_custom_role.signs.permissions == toset(["iam.serviceAccounts.signBlob"])
    error_message = "A team's account can do more to itself than sign."
  }
}

run "every_api_that_the_service_uses_is_on_and_stays_on" {
  module {
    source = "./modules/foundation"
  }

  assert {
    condition = alltrue([
      for api in ["artifactregistry", "cloudbuild", "iamcredentials", "run", "secretmanager", "storage"] :
      contains(keys(google_project_service.apis), "${api}.googleapis.com")
    ])
    error_message = "An API is missing."
  }

  assert {
    condition     = alltrue([for api in google_project_service.apis : !api.disable_on_destroy])
    error_message = "Destroying would take an API from others in the project."
  }
}
