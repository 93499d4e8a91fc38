locals {
  labels = {
    application = "nixery-run"
    team        = var.name
  }

  # Each secret is a file in a folder of its own. The smoke test's is read by Cloud Build alone. What Nix and git need can
  # be read by everybody in the container, builds included; the rest by root alone, and builds run as another user.
  files = {
    for kind, file in {
      credentials = { folder = "/secrets/credentials", name = "credentials.json", mode = "0400" }
      # git looks for git/config in XDG_CONFIG_HOME.
      git-config = { folder = "/secrets/git-config/git", name = "config", mode = "0444" }
      # ssh takes a key that others can read as long as it is not the reader's own, and git runs as Nix does.
      deploy-key  = { folder = "/secrets/deploy-key", name = "key", mode = "0444" }
      netrc       = { folder = "/secrets/netrc", name = "netrc", mode = "0444" }
      signing-key = { folder = "/secrets/signing-key", name = "key", mode = "0400" }
      } : kind => {
      folder = file.folder
      name   = file.name
      path   = "${file.folder}/${file.name}"
      mode   = parseint(file.mode, 8)
    } if contains(keys(var.secrets), kind)
  }

  # No host but the one whose key is known; %H is what ssh calls it.
  ssh = join(" ", [
    "ssh -i /secrets/deploy-key/key -o IdentitiesOnly=yes -o BatchMode=yes",
    "-o UserKnownHostsFile=/dev/null -o GlobalKnownHostsFile=/dev/null -o StrictHostKeyChecking=yes",
    "-o 'KnownHostsCommand=/usr/bin/echo %H ${var.settings.host_key == null ? "" : var.settings.host_key}'",
  ])

  # The program takes a variable that is set to nothing as not set; so does this.
  environment = {
    for name, value in {
      BUCKET               = google_storage_bucket.store.name
      GCS_SIGNING_ACCOUNT  = google_service_account.team.email
      GCS_SIGNING_KEY      = try(local.files["signing-key"].path, "")
      NIXERY_CHANNEL       = var.settings.channel == null ? "" : var.settings.channel
      NIXERY_PKGS_REPO     = var.settings.repository == null ? "" : var.settings.repository
      NIXERY_COMMITS       = var.settings.commits
      NIXERY_PLATFORMS     = join(",", var.settings.platforms)
      XDG_CONFIG_HOME      = contains(keys(local.files), "git-config") ? "/secrets/git-config" : ""
      GIT_SSH_COMMAND      = var.settings.deploy_key ? local.ssh : ""
      GOOGLE_CLOUD_PROJECT = var.project
      NIX_TIMEOUT          = tostring(var.settings.build_timeout_seconds)
      # What the store and the program leave.
      NIX_EVAL_MEMORY       = tostring(min(2048, var.settings.memory_mib - var.settings.store_mib - 512))
      NIXERY_STORE_LIMIT_MB = tostring(floor(var.settings.store_mib * 3 / 4))
      NIXERY_CREDENTIALS    = try(local.files["credentials"].path, "")
      NIXERY_GOOGLE_ALLOW   = join(",", var.settings.google_allow)
      NIXERY_ALLOW          = join(",", var.settings.allow)
      NIXERY_DENY           = join(",", var.settings.deny)
      NIXERY_SUBSTITUTERS   = join(" ", var.settings.substituters)
      NIXERY_TRUSTED_KEYS   = join(" ", var.settings.trusted_keys)
      NIXERY_NETRC          = try(local.files["netrc"].path, "")
    } : name => value if value != ""
  }
}
