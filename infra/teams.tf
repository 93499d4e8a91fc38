# The teams, and what a mistake in one of them says. Cloud Run's limits are those of
# https://cloud.google.com/run/docs/configuring/services/cpu and .../memory-limits.

variable "teams" {
  description = <<-EOT
    Each team by its name, and what it may have. For each:
    - region: where its bucket and its service are.
    - channel: nixpkgs at a channel or a commit; or repository: a git repository that has a package set. One of the two at
      most; the program's default channel when there is neither.
    - git_config: whether a git configuration in Secret Manager lets the service into a private repository over https.
    - commits: which commits of it a tag may be: "reachable" from its branches and tags, or "any" that its host hands out,
      those that somebody proposes included.
    - platforms: what a name means that chooses none, an index of several: "linux/amd64", "linux/arm64".
    - deploy_key: whether a key in Secret Manager lets it in over ssh, and host_key: the public key of the repository's host.
    - cpu, memory_mib: the size of an instance. store_mib: how much of that memory the Nix store may take.
    - min_instances, max_instances, concurrency (requests of one instance at once), timeout_seconds (of one request),
      build_timeout_seconds (of one image).
    - retention_days: what nobody used for so long is deleted.
    - credentials: whether pulls need a user and token from Secret Manager; without, the endpoint can be reached from
      inside the project's networks alone. google_allow: accounts and @domains that may pull with an access token of
      Google's as well.
    - allow, deny: patterns of attributes that may, or may not, be built.
    - signing: "keyless", or "key" for a key in Secret Manager.
    - substituters, trusted_keys: binary caches and their keys. netrc: whether the caches' passwords are in Secret Manager.
    - admins: who may look after the bucket and the secrets.
    - deletion_protection: whether Terraform refuses to delete the service, and the bucket while it holds objects; as
      for all teams when null.
  EOT
  nullable    = false

  type = map(object({
    region                = string
    channel               = optional(string)
    repository            = optional(string)
    commits               = optional(string, "reachable")
    platforms             = optional(list(string), ["linux/amd64", "linux/arm64"])
    git_config            = optional(bool, false)
    deploy_key            = optional(bool, false)
    host_key              = optional(string)
    cpu                   = optional(number, 4)
    memory_mib            = optional(number, 8192)
    store_mib             = optional(number, 4096)
    min_instances         = optional(number, 0)
    max_instances         = optional(number, 3)
    concurrency           = optional(number, 80)
    timeout_seconds       = optional(number, 900)
    build_timeout_seconds = optional(number, 600)
    retention_days        = optional(number, 30)
    credentials           = optional(bool, true)
    google_allow          = optional(list(string), [])
    allow                 = optional(list(string), [])
    deny                  = optional(list(string), [])
    signing               = optional(string, "keyless")
    substituters          = optional(list(string), [])
    trusted_keys          = optional(list(string), [])
    netrc                 = optional(bool, false)
    admins                = optional(list(string), [])
    deletion_protection   = optional(bool)
  }))

  validation {
    condition     = alltrue([for name in keys(var.teams) : can(regex("^[a-z][a-z0-9-]{0,18}[a-z0-9]$", name))])
    error_message = "A team's name must be 2 to 20 of a-z, 0-9 and -, begin with a letter and not end with -, as teams = { payments = { region = \"europe-west1\" } }."
  }

  validation {
    condition     = alltrue([for team in values(var.teams) : can(regex("^[a-z]+-[a-z]+[0-9]{1,2}$", team.region))])
    error_message = "A team's region must be a region, not a zone or a multi-region, as region = \"europe-west1\"."
  }

  validation {
    condition     = alltrue([for team in values(var.teams) : team.channel == null || team.repository == null])
    error_message = "A team has a channel or a repository, not both, as channel = \"nixos-26.05\"."
  }

  validation {
    condition = alltrue([
      for team in values(var.teams) :
      can(regex("^[a-zA-Z0-9_][a-zA-Z0-9._-]{0,127}$", coalesce(team.channel, "nixos-26.05")))
    ])
    error_message = "A team's channel must be the name of a channel or a commit, as channel = \"nixos-26.05\"."
  }

  validation {
    condition = alltrue([
      for team in values(var.teams) :
      can(regex("^(https://[^@\\s]+|ssh://[a-z0-9_-]+@[a-z0-9.-]+(:[0-9]+)?/[^@\\s]+)$", coalesce(team.repository, "https://git.example.com/packages.git")))
    ])
    error_message = "A team's repository must be an https or ssh URL without a password, as repository = \"https://git.example.com/packages.git\". Credentials belong into Secret Manager: git_config = true."
  }

  validation {
    condition = alltrue([
      for team in values(var.teams) :
      length(team.platforms) > 0 && alltrue([for platform in team.platforms : contains(["linux/amd64", "linux/arm64"], platform)])
    ])
    error_message = "A team's platforms must be linux/amd64, linux/arm64 or both, as platforms = [\"linux/amd64\"]."
  }

  validation {
    condition     = alltrue([for team in values(var.teams) : contains(["reachable", "any"], team.commits)])
    error_message = "commits must be reachable or any, as commits = \"reachable\"."
  }

  validation {
    condition     = alltrue([for team in values(var.teams) : !team.git_config || team.repository != null])
    error_message = "git_config = true goes with a repository, as repository = \"https://git.example.com/packages.git\"."
  }

  validation {
    condition = alltrue([
      for team in values(var.teams) :
      team.deploy_key == startswith(coalesce(team.repository, "https://"), "ssh://") && team.deploy_key == (team.host_key != null)
    ])
    error_message = "A repository over ssh goes with deploy_key and host_key, as repository = \"ssh://git@git.example.com/packages.git\", deploy_key = true and host_key = \"ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAI...\"."
  }

  validation {
    condition = alltrue([
      for team in values(var.teams) :
      team.host_key == null || can(regex("^(ssh-ed25519|ecdsa-sha2-nistp(256|384|521)|ssh-rsa) [A-Za-z0-9+/]+={0,2}$", team.host_key))
    ])
    error_message = "A team's host_key must be a line of ssh-keyscan without its host, as host_key = \"ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAI...\"."
  }

  validation {
    condition     = alltrue([for team in values(var.teams) : contains([1, 2, 4, 6, 8], team.cpu)])
    error_message = "A team's cpu must be 1, 2, 4, 6 or 8, as cpu = 4."
  }

  validation {
    condition = alltrue([
      for team in values(var.teams) :
      team.memory_mib >= lookup({ "1" = 512, "2" = 512, "4" = 2048, "6" = 4096, "8" = 4096 }, tostring(team.cpu), 0) &&
      team.memory_mib <= lookup({ "1" = 4096, "2" = 8192, "4" = 16384, "6" = 24576, "8" = 32768 }, tostring(team.cpu), 32768)
    ])
    error_message = "A team's memory_mib must fit its cpu: 512 to 4096 for 1, 512 to 8192 for 2, 2048 to 16384 for 4, 4096 to 24576 for 6, 4096 to 32768 for 8, as cpu = 4 and memory_mib = 8192."
  }

  validation {
    condition     = alltrue([for team in values(var.teams) : team.store_mib >= 256 && team.store_mib <= team.memory_mib - 1024])
    error_message = "A team's store_mib must be at least 256 and leave 1024 of memory_mib to the program and to an evaluation, as memory_mib = 8192 and store_mib = 4096."
  }

  validation {
    condition = alltrue([
      for team in values(var.teams) :
      team.min_instances >= 0 && team.max_instances >= 1 && team.max_instances <= 100 && team.min_instances <= team.max_instances
    ])
    error_message = "A team's instances must be min_instances from 0 to max_instances, and max_instances from 1 to 100, as min_instances = 0 and max_instances = 3."
  }

  validation {
    condition     = alltrue([for team in values(var.teams) : team.concurrency >= 1 && team.concurrency <= 1000])
    error_message = "A team's concurrency must be from 1 to 1000, as concurrency = 80."
  }

  validation {
    condition = alltrue([
      for team in values(var.teams) :
      team.timeout_seconds <= 3600 && team.build_timeout_seconds >= 30 && team.timeout_seconds >= team.build_timeout_seconds + 60
    ])
    error_message = "A team's timeout_seconds must be at most 3600 and a minute longer than build_timeout_seconds, which is at least 30, as build_timeout_seconds = 600 and timeout_seconds = 900."
  }

  validation {
    condition     = alltrue([for team in values(var.teams) : team.retention_days >= 2 && team.retention_days <= 3650])
    error_message = "A team's retention_days must be from 2 to 3650 (what is in use is marked once a day), as retention_days = 30."
  }

  validation {
    condition = alltrue(flatten([
      for team in values(var.teams) : [for who in team.google_allow : can(regex("^[^@,\\s]*@[a-z0-9.-]+\\.[a-z]+$", who))]
    ]))
    error_message = "google_allow must list accounts and domains, as google_allow = [\"ci@acme-images.iam.gserviceaccount.com\", \"@example.com\"]."
  }

  validation {
    condition     = alltrue([for team in values(var.teams) : team.credentials || length(team.google_allow) == 0])
    error_message = "google_allow goes with credentials, as credentials = true and google_allow = [\"@example.com\"]."
  }

  validation {
    condition = alltrue(flatten([
      for team in values(var.teams) : [for pattern in concat(team.allow, team.deny) : can(regex("^[A-Za-z0-9_.*+'-]+$", pattern))]
    ]))
    error_message = "allow and deny must list patterns of attributes, as deny = [\"python2*\", \"nodejs_18\"]."
  }

  validation {
    condition     = alltrue([for team in values(var.teams) : contains(["keyless", "key"], team.signing)])
    error_message = "A team's signing must be \"keyless\" or \"key\", as signing = \"keyless\"."
  }

  validation {
    condition = alltrue(flatten([
      for team in values(var.teams) : [for url in team.substituters : can(regex("^https://[^@\\s]+$", url))]
    ]))
    error_message = "substituters must list https URLs without passwords, as substituters = [\"https://cache.example.com\"]. Passwords belong into Secret Manager: netrc = true."
  }

  validation {
    condition = alltrue(flatten([
      for team in values(var.teams) : [for key in team.trusted_keys : can(regex("^[^:\\s]+:[A-Za-z0-9+/]{43}=$", key))]
    ]))
    error_message = "trusted_keys must list public keys as Nix writes them, as trusted_keys = [\"cache.example.com-1:6NCHdD59X431o0gWypbMrAURkbJ16ZPMQFGspcDShjY=\"]."
  }

  validation {
    condition     = alltrue([for team in values(var.teams) : !team.netrc || length(team.substituters) > 0])
    error_message = "netrc = true goes with substituters, as substituters = [\"https://cache.example.com\"]."
  }

  validation {
    condition = alltrue(flatten([
      for team in values(var.teams) : [for who in team.admins : can(regex("^(user|group|serviceAccount):[^@\\s]+@[^@\\s]+$", who))]
    ]))
    error_message = "admins must list principals, as admins = [\"group:payments@example.com\"]."
  }
}
