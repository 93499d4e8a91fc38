#!/usr/bin/env bash
# Makes what must exist before the teams' services do, in the project that terraform.tfvars names:
#   the bucket of Terraform's state; the shared part (APIs, the repository of images, Cloud Build's account, empty
#   secrets); a first version of each team's credentials; the first image.
# May be run again at any time, and is to be run again after a team was added: what is there is left alone.
#   infra/bootstrap.sh [-auto-approve]     arguments are handed to terraform apply
set -euo pipefail
cd "$(dirname "$0")"

say() { echo "bootstrap: $*" >&2; }
die() {
  say "$*"
  exit 1
}

for program in gcloud terraform openssl sha256sum git; do
  command -v "$program" >/dev/null || die "$program is missing"
done
[ -e terraform.tfvars ] || die "there is no terraform.tfvars: copy terraform.tfvars.example and name your project and teams"

variable() { sed -n "s/^$1[[:space:]]*=[[:space:]]*\"\([^\"]*\)\".*/\1/p" terraform.tfvars | head -n 1; }
project=$(variable project)
region=$(variable region)
if [ -z "$project" ] || [ -z "$region" ]; then die "terraform.tfvars must set project and region"; fi
export CLOUDSDK_CORE_PROJECT=$project CLOUDSDK_CORE_DISABLE_PROMPTS=1
# `npm run images` writes the file so. What a tag is can change between two builds.
if ! [ -s images.json ] || grep -q '"digest": null' images.json; then
  die "images.json has images that are known by their tags alone: npm ci && npm run images, and commit what that changes"
fi

say "APIs that Terraform itself needs"
gcloud services enable cloudresourcemanager.googleapis.com serviceusage.googleapis.com storage.googleapis.com run.googleapis.com

state="$project-nixery-state"
if gcloud storage buckets describe "gs://$state" --format='value(name)' >/dev/null 2>&1; then
  say "the state is in gs://$state"
else
  say "a bucket for the state: gs://$state"
  gcloud storage buckets create "gs://$state" --location="$region" --uniform-bucket-level-access --public-access-prevention
fi
gcloud storage buckets update "gs://$state" --versioning

terraform init -input=false -reconfigure -backend-config="bucket=$state"

say "the shared part"
terraform apply -target=module.foundation "$@"

# The version is what comes in.
add_version() { gcloud secrets versions add "$1" --data-file=- >/dev/null; }

missing=()
secrets=$(gcloud secrets list --filter='labels.application=nixery-run' --format='value(name,labels.team,labels.kind)' --sort-by=name)
while read -r name team kind; do
  [ -n "$name" ] || continue
  # Of its own line: a look that fails must end this, and not count as a secret without a version.
  version=$(gcloud secrets versions list "$name" --filter=state=ENABLED --limit=1 --format='value(name)' </dev/null)
  [ -z "$version" ] || continue
  case $kind in
    credentials)
      # The user that Cloud Build pulls with is the first. The token itself is in the other secret alone.
      say "first credentials of $team: the user smoke"
      token=nixery_$(openssl rand -hex 32)
      hash=$(printf %s "$token" | sha256sum | cut -d ' ' -f 1)
      printf 'smoke:%s' "$token" | add_version "nixery-$team-smoke"
      printf '{"users":{"smoke":{"tokens":[{"sha256":"%s"}]}}}\n' "$hash" | add_version "$name"
      ;;
    smoke)
      # Names are in order: the credentials came first, and there were some already.
      missing+=("$name: USER:TOKEN of a user that is in nixery-$team-credentials")
      ;;
    git-config) missing+=("$name: a git configuration that gets into the team's repository") ;;
    deploy-key) missing+=("$name: a key for ssh that gets into the team's repository") ;;
    netrc) missing+=("$name: a netrc with the passwords of the team's binary caches") ;;
    signing-key) missing+=("$name: a key of the team's account, in PEM or JSON") ;;
    *) missing+=("$name") ;;
  esac
done <<<"$secrets"

image="$region-docker.pkg.dev/$project/nixery/nixery-run:current"
if gcloud artifacts docker images describe "$image" --format='value(image_summary.digest)' >/dev/null 2>&1; then
  say "there is an image: $image"
else
  git diff --quiet HEAD -- .. ':(exclude,top)infra' || die "there are changes that are not committed: an image is named by its commit"
  say "the first image: $image"
  gcloud builds submit .. --config=../cloudbuild.yaml --gcs-source-staging-dir="gs://$project-nixery-source/source" \
    --substitutions="_REGION=$region,_COMMIT=$(git rev-parse HEAD),_ROLLOUT=false"
fi

if [ ${#missing[@]} -gt 0 ]; then
  say "these secrets have no version yet, and what mounts them would not start:"
  printf '  %s\n' "${missing[@]}" >&2
  say "add each with: gcloud secrets versions add NAME --data-file=FILE --project=$project"
  exit 1
fi
say "all is there. Now: terraform -chdir=infra apply"
