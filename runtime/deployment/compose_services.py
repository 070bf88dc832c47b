"""Templates of a compose file's services; braces in `${...}` are doubled for str.format."""

COMMON = """\
x-common: &common
  image: ${{FEDQMIX_IMAGE:-fedqmix:latest}}
  user: "${{FEDQMIX_UID:-1000}}:${{FEDQMIX_GID:-1000}}"
  read_only: true
  tmpfs: [/tmp]
  environment: {{NUMBA_CACHE_DIR: /tmp/numba}}
  cap_drop: [ALL]
  security_opt: ["no-new-privileges:true"]
  restart: unless-stopped
  stop_grace_period: 30s

x-health: &health
  interval: 20s
  timeout: 20s
  retries: 3
  start_period: 120s
"""

SUPERLINK = """\
  superlink:
    <<: *common
    build:
      context: .
      dockerfile: Dockerfile
      args:
        TORCH_INDEX: ${{FEDQMIX_TORCH_INDEX-https://download.pytorch.org/whl/cpu}}
        PIP_ARGS: ${{FEDQMIX_PIP_ARGS-}}
    command: >-
      superlink listen=0.0.0.0:8000 world=world:9101 mixer=mixer:9102 runs=/runs state=/state certs=/run/certs
    healthcheck:
      <<: *health
      test: [CMD, fedqmix, health, "localhost:8000", party=superlink, certs=/run/certs]
    networks: [control, flower]
    volumes: ["runs:/runs", "superlink:/state"]
    secrets:
{secrets}
"""

WORLD = """\
  world:
    <<: *common
    command: world listen=0.0.0.0:9101 mixer=mixer:9102 certs=/run/certs
    environment: {{NUMBA_CACHE_DIR: /var/cache/fedqmix}}
    healthcheck:
      <<: *health
      test: [CMD, fedqmix, health, "localhost:9101", party=world, certs=/run/certs]
    networks: [control, {agent_networks}]
    volumes: ["kernels:/var/cache/fedqmix"]
    secrets:
{secrets}
"""

MIXER = """\
  mixer:
    <<: *common
    command: mixer listen=0.0.0.0:9102 state=/state certs=/run/certs
    healthcheck:
      <<: *health
      test: [CMD, fedqmix, health, "localhost:9102", party=mixer, certs=/run/certs]
    networks: [control, {agent_networks}]
    volumes: ["mixer:/state"]
    secrets:
{secrets}
"""

AGENT = """\
  agent-{k}:
    <<: *common
    command: agent id={k} listen=0.0.0.0:9103 world=world:9101 mixer=mixer:9102 state=/state certs=/run/certs
    healthcheck:
      <<: *health
      test: [CMD, fedqmix, health, "localhost:9103", party=agent-{k}, certs=/run/certs]
    depends_on:
      world: {{condition: service_healthy}}
      mixer: {{condition: service_healthy}}
    networks: [agent-{k}, door-{k}]
    volumes: ["agent-{k}:/state"]
    secrets:
{secrets}
"""

SUPERNODE = """\
  supernode-{k}:
    <<: *common
    command: >-
      supernode id={k} superlink=superlink:8000 agent=agent-{k}:9103 listen=127.0.0.1:9094 state=/tmp/state
      certs=/run/certs
    healthcheck:
      <<: *health
      test: [CMD, fedqmix, health, "localhost:9094", party=supernode-{k}, certs=/run/certs]
    depends_on:
      superlink: {{condition: service_healthy}}
      agent-{k}: {{condition: service_healthy}}
    networks: [flower, door-{k}]
    secrets:
{secrets}
"""

TRAIN = """\
  train:
    <<: *common
    restart: "no"
    command: submit superlink=superlink:8000 certs=/run/certs {task}
    depends_on:
{waits}
    networks: [control]
    volumes: ["runs:/runs:ro"]
    secrets:
{secrets}
"""
