# One team's bucket, account and service, with everything that it can have.

mock_provider "google" {}

override_resource {
  target = google_service_account.team
  values = {
    name   = "projects/acme-images/serviceAccounts/nixery-payments@acme-images.iam.gserviceaccount.com"
    email  = "nixery-payments@acme-images.iam.gserviceaccount.com"
    member = "serviceAccount:nixery-payments@acme-images.iam.gserviceaccount.com"
  }
}

variables {
  project             = "acme-images"
  name                = "payments"
  image               = "europe-west1-docker.pkg.dev/acme-images/nixery/nixery-run:current"
  build_account       = "nixery-build@acme-images.iam.gserviceaccount.com"
  signing_role        = "projects/acme-images/roles/nixerySigner"
  deletion_protection = true

  secrets = {
    credentials = "nixery-payments-credentials"
    smoke       = "nixery-payments-smoke"
    git-config  = "nixery-payments-git-config"
  }

  settings = {
    region                = "europe-west1"
    channel               = null
    repository            = "https://git.example.com/payments/packages.git"
    commits               = "reachable"
    platforms             = ["linux/amd64", "linux/arm64"]
    git_config            = true
    deploy_key            = false
    cpu                   = 4
    memory_mib            = 8192
    store_mib             = 4096
    min_instances         = 0
    max_instances         = 3
    concurrency           = 80
    timeout_seconds       = 900
    build_timeout_seconds = 600
    retention_days        = 30
    credentials           = true
    google_allow          = ["@example.com", "ci@example.com"]
    allow                 = []
    deny                  = ["python2*"]
    signing               = "keyless"
    substituters          = []
    trusted_keys          = []
    netrc                 = false
    admins                = ["group:payments@example.com"]
  }
}

run "the_bucket_cannot_be_public" {
  module {
    source = "./modules/team"
  }

  assert {
    condition     = google_storage_bucket.store.public_access_prevention == "enforced"
    error_message = "Public access is not prevented."
  }

  assert {
    condition     = google_storage_bucket.store.uniform_bucket_level_access
    error_message = "Objects could have access lists of their own."
  }
}

run "unused_objects_and_left_uploads_expire_and_nothing_else_does" {
  module {
    source = "./modules/team"
  }

  assert {
    condition     = length(google_storage_bucket.store.lifecycle_rule) == 2 && alltrue([for rule in google_storage_bucket.store.lifecycle_rule : one(rule.action).type == "Delete"])
    error_message = "There are other rules than two that delete."
  }

  assert {
    condition = length([
      for rule in google_storage_bucket.store.lifecycle_rule : rule
      if one(rule.condition).age == 1 && one(rule.condition).matches_prefix == tolist(["uploads/"])
    ]) == 1
    error_message = "Uploads that were not finished stay, or others are deleted."
  }

  assert {
    condition = length([
      for rule in google_storage_bucket.store.lifecycle_rule : rule
      if one(rule.condition).days_since_custom_time == 30 && one(rule.condition).age == null
    ]) == 1
    error_message = "What is not in use does not expire after the retention."
  }

  assert {
    condition     = google_storage_bucket.store.soft_delete_policy[0].retention_duration_seconds == 0
    error_message = "Deleted objects are kept, and paid for."
  }
}

run "the_account_uses_its_bucket_and_signs_as_itself" {
  module {
    source = "./modules/team"
  }

  assert {
    condition     = google_storage_bucket_iam_member.uses_its_bucket.bucket == "acme-images-nixery-payments" && google_storage_bucket_iam_member.uses_its_bucket.role == "roles/storage.objectUser"
    error_message = "The account has other rights on its bucket, or on another one."
  }

  assert {
    condition = alltrue([
      google_service_account_iam_member.signs_as_itself["keyless"].role == "projects/acme-images/roles/nixerySigner",
      google_service_account_iam_member.signs_as_itself["keyless"].member == google_service_account.team.member,
      google_service_account_iam_member.signs_as_itself["keyless"].service_account_id == google_service_account.team.name,
    ])
    error_message = "The account cannot sign as itself, or can as another."
  }

  assert {
    condition     = toset([for grant in google_secret_manager_secret_iam_member.reads_its_secrets : grant.secret_id]) == toset(["nixery-payments-credentials", "nixery-payments-git-config"])
    error_message = "The account reads other secrets than those that the service mounts."
  }
}

run "the_service_runs_as_the_account_in_the_second_generation" {
  module {
    source = "./modules/team"
  }

  assert {
    condition     = google_cloud_run_v2_service.registry.template[0].service_account == google_service_account.team.email
    error_message = "The service runs as another account."
  }

  assert {
    condition     = google_cloud_run_v2_service.registry.template[0].execution_environment == "EXECUTION_ENVIRONMENT_GEN2"
    error_message = "Nix needs the second generation."
  }

  assert {
    condition     = !google_cloud_run_v2_service.registry.template[0].containers[0].resources[0].cpu_idle && google_cloud_run_v2_service.registry.template[0].containers[0].resources[0].startup_cpu_boost
    error_message = "Builds would stop with their answer, or starts be slow."
  }

  assert {
    condition     = google_cloud_run_v2_service.registry.invoker_iam_disabled
    error_message = "No container client can pass Cloud Run's own check."
  }
}

run "the_store_is_memory_with_a_limit_at_nix" {
  module {
    source = "./modules/team"
  }

  assert {
    condition     = [for mount in google_cloud_run_v2_service.registry.template[0].containers[0].volume_mounts : mount.mount_path if mount.name == "store"] == ["/nix"]
    error_message = "The store is not at /nix."
  }

  assert {
    condition     = [for volume in google_cloud_run_v2_service.registry.template[0].volumes : one(volume.empty_dir).size_limit if volume.name == "store"] == ["4096Mi"]
    error_message = "The store has no limit, or another one."
  }

  assert {
    condition     = [for env in google_cloud_run_v2_service.registry.template[0].containers[0].env : env.value if env.name == "NIXERY_STORE_LIMIT_MB"] == ["3072"]
    error_message = "The program collects garbage too late, or too early."
  }
}

run "probes_ask_what_googles_front_end_lets_through" {
  module {
    source = "./modules/team"
  }

  assert {
    condition     = google_cloud_run_v2_service.registry.template[0].containers[0].startup_probe[0].http_get[0].path == "/ready" && google_cloud_run_v2_service.registry.template[0].containers[0].liveness_probe[0].http_get[0].path == "/health"
    error_message = "The probes ask other paths."
  }
}

run "secrets_are_files_and_never_variables" {
  module {
    source = "./modules/team"
  }

  assert {
    condition     = [for env in google_cloud_run_v2_service.registry.template[0].containers[0].env : env.value if env.name == "NIXERY_CREDENTIALS"] == ["/secrets/credentials/credentials.json"]
    error_message = "The credentials are not read from a mounted file."
  }

  assert {
    condition = toset(flatten([
      for volume in google_cloud_run_v2_service.registry.template[0].volumes : [for secret in volume.secret : secret.secret]
    ])) == toset(["nixery-payments-credentials", "nixery-payments-git-config"])
    error_message = "Other secrets are mounted than those that the program reads."
  }

  assert {
    condition     = alltrue([for env in google_cloud_run_v2_service.registry.template[0].containers[0].env : length(env.value_source) == 0])
    error_message = "A variable has a secret's content, which a build could read."
  }
}

run "a_team_with_credentials_is_reached_from_everywhere" {
  module {
    source = "./modules/team"
  }

  assert {
    condition     = google_cloud_run_v2_service.registry.ingress == "INGRESS_TRAFFIC_ALL"
    error_message = "Nobody outside could pull."
  }
}

run "a_team_without_any_is_reached_from_inside_alone" {
  module {
    source = "./modules/team"
  }

  variables {
    secrets = { signing-key = "nixery-payments-signing-key" }
    settings = {
      region                = "europe-west1"
      commits               = "reachable"
      platforms             = ["linux/amd64", "linux/arm64"]
      git_config            = false
      deploy_key            = false
      cpu                   = 1
      memory_mib            = 2048
      store_mib             = 1024
      min_instances         = 0
      max_instances         = 3
      concurrency           = 80
      timeout_seconds       = 900
      build_timeout_seconds = 600
      retention_days        = 30
      credentials           = false
      google_allow          = []
      allow                 = []
      deny                  = []
      signing               = "key"
      substituters          = []
      trusted_keys          = []
      netrc                 = false
      admins                = []
    }
  }

  assert {
    condition     = google_cloud_run_v2_service.registry.ingress == "INGRESS_TRAFFIC_INTERNAL_ONLY"
    error_message = "An open endpoint is on the internet."
  }

  assert {
    condition     = [for env in google_cloud_run_v2_service.registry.template[0].containers[0].env : env.value if env.name == "NIX_EVAL_MEMORY"] == ["512"]
    error_message = "An evaluation may take memory that the store and the program need."
  }

  assert {
    condition     = length(google_service_account_iam_member.signs_as_itself) == 0
    error_message = "With a key, the account needs no right to sign."
  }

  assert {
    condition     = [for env in google_cloud_run_v2_service.registry.template[0].containers[0].env : env.value if env.name == "GCS_SIGNING_KEY"] == ["/secrets/signing-key/key"]
    error_message = "The key is not where the program looks."
  }
}

run "admins_look_after_the_bucket_and_the_secrets" {
  module {
    source = "./modules/team"
  }

  assert {
    condition     = keys(google_storage_bucket_iam_member.admins) == ["group:payments@example.com"]
    error_message = "The admins cannot purge, or others can."
  }

  assert {
    condition = toset([for grant in google_secret_manager_secret_iam_member.admins : "${grant.secret_id} ${trimprefix(grant.role, "roles/secretmanager.")}"]) == toset(flatten([
      for id in values(var.secrets) : ["${id} secretAccessor", "${id} secretVersionManager"]
    ]))
    error_message = "The admins cannot read and rotate secrets, or can do more."
  }
}
