provider "google" {
  project = var.project
  region  = var.region
}

locals {
  # What each team needs of Secret Manager: the kind of secret, whether it is wanted, and what reads it.
  secrets = merge([
    for name, team in var.teams : {
      for kind, wanted in {
        credentials = team.credentials
        smoke       = team.credentials
        git-config  = team.git_config
        deploy-key  = team.deploy_key
        netrc       = team.netrc
        signing-key = team.signing == "key"
      } : "nixery-${name}-${kind}" => { team = name, kind = kind } if wanted
    }
  ]...)
}

# What must exist before the first service does; bootstrap.sh applies it alone, and fills it.
module "foundation" {
  source = "./modules/foundation"

  project = var.project
  region  = var.region
  secrets = local.secrets
}

# Asks Cloud Run, so that a region that it does not have fails the plan.
data "google_cloud_run_locations" "available" {
  project = var.project

  lifecycle {
    postcondition {
      condition     = alltrue([for team in values(var.teams) : contains(self.locations, team.region)])
      error_message = "Cloud Run is not in ${join(", ", setsubtract([for team in values(var.teams) : team.region], self.locations))}. Choose one of ${join(", ", self.locations)}, as region = \"europe-west1\"."
    }
  }
}

module "team" {
  source   = "./modules/team"
  for_each = var.teams

  project             = var.project
  name                = each.key
  settings            = each.value
  image               = coalesce(var.image, "${module.foundation.images}/nixery-run:current")
  build_account       = module.foundation.build_account
  signing_role        = module.foundation.signing_role
  deletion_protection = coalesce(each.value.deletion_protection, var.deletion_protection)
  secrets             = { for id, secret in local.secrets : secret.kind => module.foundation.secret_ids[id] if secret.team == each.key }

  depends_on = [module.foundation]
}
