# The power agent. Any base with Python 3.11 or newer will do; the context is the repository.
# A builder that has the libraries already gives them as the build context `site`.
ARG BASE=python:3.13-slim

FROM ${BASE} AS site
COPY requirements/agent.txt /requirements.txt
RUN python3 -m pip install --no-cache-dir --no-compile --require-hashes --target /site -r /requirements.txt

FROM ${BASE}
COPY --from=site /site /opt/sunward/site
RUN python3 -m compileall -q --invalidation-mode unchecked-hash /opt/sunward/site
ENV PYTHONPATH=/opt/sunward/code:/opt/sunward/site PYTHONUNBUFFERED=1 PYTHONDONTWRITEBYTECODE=1
COPY node_exporter/sunward_power_agent /opt/sunward/code/sunward_power_agent
RUN python3 -m compileall -q --invalidation-mode unchecked-hash /opt/sunward/code
# The chart runs it as root without any capability: systemd-logind lets root shut the system down.
USER 0:0
ENTRYPOINT ["python3", "-m", "sunward_power_agent"]
