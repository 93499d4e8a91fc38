output "teams" {
  description = "For each team: its endpoint, how to log in and pull, its bucket, account and service, and whether they are protected."
  value = {
    for name, team in module.team : name => {
      endpoint = team.endpoint
      login    = team.login
      pull     = "docker pull ${team.host}/shell/git"
      account  = team.account
      bucket   = team.bucket
      service  = team.service

      deletion_protection = team.deletion_protection
    }
  }
}

output "images" {
  description = "The Artifact Registry repository of the service's image, without a slash at its end."
  value       = module.foundation.images
}

output "build_account" {
  description = "The e-mail address of the account that builds and rolls out."
  value       = module.foundation.build_account
}

output "source_bucket" {
  description = "The bucket that `gcloud builds submit` puts the source into."
  value       = module.foundation.source_bucket
}
