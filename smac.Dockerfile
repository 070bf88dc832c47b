# The image of the world that plays on the real StarCraft II; everybody else of a federation runs fedqmix's own image.
#   docker build -f Dockerfile -t fedqmix .
#   docker build -f smac.Dockerfile --build-arg ACCEPT_BLIZZARD_LICENSE=yes -t fedqmix-smac .
# ACCEPT_BLIZZARD_LICENSE=yes says that you have read Blizzard's AI and Machine Learning License and agree to it
# (http://blzdistsc2-a.akamaihd.net/AI_AND_MACHINE_LEARNING_LICENSE.html). Without it the image has no game: mount one,
# `-v ~/StarCraftII:/opt/StarCraftII`. An image with the game in it is under that license: do not hand it on.
ARG FEDQMIX=fedqmix:latest

FROM ${FEDQMIX}
ARG PIP_ARGS=
ARG SMAC=https://github.com/oxwhirl/smac/archive/d6aab33f76abc3849c50463a8592a84f59a5ef84.zip
# Options of scripts/install_sc2.sh, such as another --game-url.
ARG INSTALL_ARGS=
ARG ACCEPT_BLIZZARD_LICENSE=no
USER root
ENV SC2PATH=/opt/StarCraftII PIP_NO_CACHE_DIR=1 PIP_DISABLE_PIP_VERSION_CHECK=1
RUN apt-get update \
 && apt-get install --assume-yes --no-install-recommends ca-certificates curl unzip \
 && rm -rf /var/lib/apt/lists/*
# pysc2 and SMAC without what they ask for, which would replace Flower's protobuf (docs/starcraft.md).
RUN /opt/fedqmix-python/bin/python scripts/install.py --dependencies-only sc2 -- ${PIP_ARGS} \
 && /opt/fedqmix-python/bin/pip install ${PIP_ARGS} --no-deps --no-build-isolation "${SMAC}"
COPY scripts /opt/fedqmix/scripts
RUN if [ "${ACCEPT_BLIZZARD_LICENSE}" = yes ]; then \
      scripts/install_sc2.sh --accept-blizzard-license ${INSTALL_ARGS} \
      && python -c "from fedqmix.envs.smac.requirements import require; require('3m')"; \
    else \
      echo "No game in this image: ACCEPT_BLIZZARD_LICENSE=yes was not said."; \
    fi \
 && rm -rf /tmp/* /tmp/.[!.]*
USER 1000:1000
