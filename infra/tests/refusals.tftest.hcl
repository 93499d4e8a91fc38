# What is refused. test/infra reads each run of this file and sees to it that the message gives an example.

mock_provider "google" {
  mock_data "google_cloud_run_locations" {
    defaults = { locations = ["europe-west1", "us-central1"] }
  }
}

variables {
  project = "acme-images"
  region  = "europe-west1"
  teams   = {}
}

run "a_zone_as_region" {
  command = plan
  variables {
    teams = { payments = { region = "europe-west1-b" } }
  }
  expect_failures = [var.teams]
}

run "a_multi_region_as_region" {
  command = plan
  variables {
    teams = { payments = { region = "eu" } }
  }
  expect_failures = [var.teams]
}

run "a_region_without_cloud_run" {
  command = plan
  variables {
    teams = { payments = { region = "europe-west99" } }
  }
  expect_failures = [data.google_cloud_run_locations.available]
}

run "a_name_that_is_too_long" {
  command = plan
  variables {
    teams = { a-team-with-a-long-name = { region = "europe-west1" } }
  }
  expect_failures = [var.teams]
}

run "a_name_in_capitals" {
  command = plan
  variables {
    teams = { Payments = { region = "europe-west1" } }
  }
  expect_failures = [var.teams]
}

run "a_channel_beside_a_repository" {
  command = plan
  variables {
    teams = {
      payments = { region = "europe-west1", channel = "nixos-26.05", repository = "https://git.example.com/p.git" }
    }
  }
  expect_failures = [var.teams]
}

run "a_channel_that_is_a_path" {
  command = plan
  variables {
    teams = { payments = { region = "europe-west1", channel = "../nixpkgs" } }
  }
  expect_failures = [var.teams]
}

run "a_password_in_the_repository" {
  command = plan
  variables {
    teams = { payments = { region = "europe-west1", repository = "https://user:secret@git.example.com/p.git" } }
  }
  expect_failures = [var.teams]
}

run "a_repository_in_the_short_form_of_ssh" {
  command = plan
  variables {
    teams = { payments = { region = "europe-west1", repository = "git@git.example.com:payments/packages.git" } }
  }
  expect_failures = [var.teams]
}

run "a_repository_over_ssh_without_a_key" {
  command = plan
  variables {
    teams = { payments = { region = "europe-west1", repository = "ssh://git@git.example.com/payments/packages.git" } }
  }
  expect_failures = [var.teams]
}

run "a_host_key_that_could_be_a_command" {
  command = plan
  variables {
    teams = {
      payments = {
        region     = "europe-west1"
        repository = "ssh://git@git.example.com/payments/packages.git"
        deploy_key = true
        host_key   = "ssh-ed25519 AAAA'; id"
      }
    }
  }
  expect_failures = [var.teams]
}

run "commits_of_another_kind" {
  command = plan
  variables {
    teams = { payments = { region = "europe-west1", commits = "all" } }
  }
  expect_failures = [var.teams]
}

run "platforms_that_there_are_not" {
  command = plan
  variables {
    teams = { payments = { region = "europe-west1", platforms = ["linux/amd64", "linux/riscv64"] } }
  }
  expect_failures = [var.teams]
}

run "no_platform" {
  command = plan
  variables {
    teams = { payments = { region = "europe-west1", platforms = [] } }
  }
  expect_failures = [var.teams]
}

run "a_git_configuration_without_a_repository" {
  command = plan
  variables {
    teams = { payments = { region = "europe-west1", git_config = true } }
  }
  expect_failures = [var.teams]
}

run "three_processors" {
  command = plan
  variables {
    teams = { payments = { region = "europe-west1", cpu = 3 } }
  }
  expect_failures = [var.teams]
}

run "too_little_memory_for_the_processors" {
  command = plan
  variables {
    teams = { payments = { region = "europe-west1", cpu = 4, memory_mib = 1536, store_mib = 512 } }
  }
  expect_failures = [var.teams]
}

run "too_much_memory_for_the_processors" {
  command = plan
  variables {
    teams = { payments = { region = "europe-west1", cpu = 1, memory_mib = 8192 } }
  }
  expect_failures = [var.teams]
}

run "a_store_that_leaves_no_memory" {
  command = plan
  variables {
    teams = { payments = { region = "europe-west1", memory_mib = 8192, store_mib = 8000 } }
  }
  expect_failures = [var.teams]
}

run "more_instances_at_least_than_at_most" {
  command = plan
  variables {
    teams = { payments = { region = "europe-west1", min_instances = 4 } }
  }
  expect_failures = [var.teams]
}

run "no_concurrency" {
  command = plan
  variables {
    teams = { payments = { region = "europe-west1", concurrency = 0 } }
  }
  expect_failures = [var.teams]
}

run "a_request_that_ends_before_its_build" {
  command = plan
  variables {
    teams = { payments = { region = "europe-west1", timeout_seconds = 600 } }
  }
  expect_failures = [var.teams]
}

run "a_retention_of_a_day" {
  command = plan
  variables {
    teams = { payments = { region = "europe-west1", retention_days = 1 } }
  }
  expect_failures = [var.teams]
}

run "an_account_that_is_none" {
  command = plan
  variables {
    teams = { payments = { region = "europe-west1", google_allow = ["example.com"] } }
  }
  expect_failures = [var.teams]
}

run "accounts_without_credentials" {
  command = plan
  variables {
    teams = { payments = { region = "europe-west1", credentials = false, google_allow = ["@example.com"] } }
  }
  expect_failures = [var.teams]
}

run "a_pattern_with_a_blank" {
  command = plan
  variables {
    teams = { payments = { region = "europe-west1", deny = ["python 2"] } }
  }
  expect_failures = [var.teams]
}

run "another_way_to_sign" {
  command = plan
  variables {
    teams = { payments = { region = "europe-west1", signing = "hmac" } }
  }
  expect_failures = [var.teams]
}

run "a_cache_without_tls" {
  command = plan
  variables {
    teams = { payments = { region = "europe-west1", substituters = ["http://cache.example.com"] } }
  }
  expect_failures = [var.teams]
}

run "a_cache_with_a_password" {
  command = plan
  variables {
    teams = { payments = { region = "europe-west1", substituters = ["https://user:secret@cache.example.com"] } }
  }
  expect_failures = [var.teams]
}

run "a_key_that_is_none" {
  command = plan
  variables {
    teams = { payments = { region = "europe-west1", trusted_keys = ["cache.example.com-1"] } }
  }
  expect_failures = [var.teams]
}

run "a_netrc_without_caches" {
  command = plan
  variables {
    teams = { payments = { region = "europe-west1", netrc = true } }
  }
  expect_failures = [var.teams]
}

run "everybody_as_admin" {
  command = plan
  variables {
    teams = { payments = { region = "europe-west1", admins = ["allUsers"] } }
  }
  expect_failures = [var.teams]
}

run "a_project_number" {
  command = plan
  variables {
    project = "123456789012"
  }
  expect_failures = [var.project]
}

run "a_zone_for_what_is_shared" {
  command = plan
  variables {
    region = "europe-west1-b"
  }
  expect_failures = [var.region]
}

run "an_image_without_a_tag" {
  command = plan
  variables {
    image = "nixery-run"
  }
  expect_failures = [var.image]
}
