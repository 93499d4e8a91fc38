# Two teams side by side: what they share and what they must not.

mock_provider "google" {
  mock_data "google_cloud_run_locations" {
    defaults = { locations = ["europe-west1", "us-central1"] }
  }
}

variables {
  project = "acme-images"
  region  = "europe-west1"

  teams = {
    payments = {
      region       = "europe-west1"
      repository   = "https://git.example.com/payments/packages.git"
      git_config   = true
      google_allow = ["@example.com"]
      admins       = ["group:payments@example.com"]
    }
    research = {
      region       = "us-central1"
      repository   = "ssh://git@git.example.com/research/packages.git"
      commits      = "any"
      platforms    = ["linux/amd64"]
      deploy_key   = true
      host_key     = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIOMqqnkVzrm0SdG6UOoqKLsabgH5C9okWi0dh2l9GKJl"
      cpu          = 8
      memory_mib   = 16384
      store_mib    = 12288
      credentials  = false
      signing      = "key"
      substituters = ["https://cache.example.com"]
      trusted_keys = ["cache.example.com-1:6NCHdD59X431o0gWypbMrAURkbJ16ZPMQFGspcDShjY="]
      netrc        = true
    }
  }
}

run "each_team_has_a_bucket_an_account_and_a_service_of_its_own" {
  assert {
    condition     = output.teams["payments"].bucket == "acme-images-nixery-payments" && output.teams["research"].bucket == "acme-images-nixery-research"
    error_message = "A bucket is named by its project and team."
  }

  assert {
    condition     = output.teams["payments"].account != output.teams["research"].account
    error_message = "The teams share an account."
  }

  assert {
    condition     = output.teams["payments"].service == "nixery-payments" && output.teams["research"].service == "nixery-research"
    error_message = "A service is named by its team."
  }
}

run "a_team_says_how_to_log_in_and_pull" {
  assert {
    condition     = startswith(output.teams["payments"].login, "docker login --username USER --password-stdin ")
    error_message = "With credentials one logs in with docker: ${output.teams["payments"].login}"
  }

  assert {
    condition     = startswith(output.teams["research"].login, "no login")
    error_message = "Without credentials there is no login: ${output.teams["research"].login}"
  }

  assert {
    condition     = endswith(output.teams["payments"].pull, "/shell/git")
    error_message = "The pull command pulls shell/git."
  }
}

run "images_come_from_the_projects_own_repository" {
  assert {
    condition     = output.images == "europe-west1-docker.pkg.dev/acme-images/nixery"
    error_message = "The repository is ${output.images}."
  }
}

run "a_team_that_is_to_be_removed_leaves_the_others_protected" {
  variables {
    teams = {
      payments = { region = "europe-west1" }
      research = { region = "europe-west1", deletion_protection = false }
    }
  }

  assert {
    condition     = output.teams["payments"].deletion_protection && !output.teams["research"].deletion_protection
    error_message = "The protection of one team is that of another."
  }
}

run "all_teams_are_unprotected_but_those_that_say_otherwise" {
  variables {
    deletion_protection = false

    teams = {
      payments = { region = "europe-west1", deletion_protection = true }
      research = { region = "europe-west1" }
    }
  }

  assert {
    condition     = output.teams["payments"].deletion_protection && !output.teams["research"].deletion_protection
    error_message = "A team's own protection does not count."
  }
}
