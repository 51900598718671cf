{{/* Names are fixed: there is one Sunward per cluster, and the operator's Lease and admission policies refer to its account. */}}
{{- define "sunward.labels" -}}
app.kubernetes.io/name: sunward
app.kubernetes.io/instance: {{ .Release.Name }}
app.kubernetes.io/part-of: sunward
app.kubernetes.io/version: {{ .Chart.AppVersion | quote }}
app.kubernetes.io/managed-by: {{ .Release.Service }}
helm.sh/chart: {{ printf "%s-%s" .Chart.Name .Chart.Version | quote }}
{{- end }}

{{- define "sunward.selector" -}}
app.kubernetes.io/name: sunward
app.kubernetes.io/instance: {{ .root.Release.Name }}
app.kubernetes.io/component: {{ .component }}
{{- end }}

{{/* Roles in a namespace that does not exist would fail half-way. Without a cluster (helm template) nothing is known. */}}
{{- define "sunward.checkNamespaces" -}}
{{- if lookup "v1" "Namespace" "" "kube-system" -}}
{{- range $value, $names := dict "jobNamespaces" .Values.jobNamespaces "evictNamespaces.names" .Values.evictNamespaces.names -}}
{{- range $names -}}
{{- if not (lookup "v1" "Namespace" "" .) -}}
{{- fail (printf "%s names the namespace %s, which does not exist: kubectl create namespace %s" $value . .) -}}
{{- end -}}
{{- end -}}
{{- end -}}
{{- end -}}
{{- end }}

{{/* The reference of an image: registry (the global one first), repository, and digest, else tag, else the chart's version. */}}
{{- define "sunward.image" -}}
{{- $registry := .root.Values.global.imageRegistry | default .image.registry -}}
{{- $version := ternary (printf "@%s" .image.digest) (printf ":%s" (.image.tag | default .root.Chart.AppVersion)) (ne .image.digest "") -}}
{{- ternary "" (printf "%s/" $registry) (eq $registry "") }}{{ .image.repository }}{{ $version }}
{{- end }}

{{/* What people add to the labels and annotations of a part's pods. */}}
{{- define "sunward.podLabels" -}}
{{- include "sunward.selector" (dict "root" .root "component" .component) }}
{{- with (get .root.Values .component).podLabels }}
{{ toYaml . }}
{{- end }}
{{- end }}

{{/* What the restricted Pod Security profile requires of a pod. */}}
{{- define "sunward.podSecurity" -}}
runAsNonRoot: true
runAsUser: 65532
runAsGroup: 65532
fsGroup: 65532
seccompProfile: {type: RuntimeDefault}
{{- end }}

{{/* What the profile requires of a container, and a read-only root file system. */}}
{{- define "sunward.containerSecurity" -}}
allowPrivilegeEscalation: false
readOnlyRootFilesystem: true
capabilities: {drop: [ALL]}
{{- end }}

{{- define "sunward.operatorUser" -}}
system:serviceaccount:{{ .Release.Namespace }}:sunward-operator
{{- end }}

{{/* URL of Prometheus for the operator: the user's, the fixed address of the bundled one, or its name. */}}
{{- define "sunward.prometheusUrl" -}}
{{- if .Values.prometheus.url -}}
{{ .Values.prometheus.url }}
{{- else if .Values.prometheus.service.clusterIP -}}
http://{{ .Values.prometheus.service.clusterIP }}:9090
{{- else -}}
http://sunward-prometheus.{{ .Release.Namespace }}.svc:9090
{{- end -}}
{{- end }}

{{/* A source or relay in which references to Secrets are replaced by the mounted files. */}}
{{- define "sunward.withFiles" -}}
{{- $entry := omit .entry "tokenSecretRef" "credentialsSecretRef" "passwordSecretRef" "caSecretRef" -}}
{{- if or .entry.tokenSecretRef .entry.credentialsSecretRef -}}
{{- $entry = set $entry "tokenFile" (printf "/etc/sunward/secrets/%s/token" .mount) -}}
{{- end -}}
{{- if .entry.passwordSecretRef -}}
{{- $entry = set $entry "passwordFile" (printf "/etc/sunward/secrets/%s-password/password" .mount) -}}
{{- end -}}
{{- if .entry.caSecretRef -}}
{{- $entry = set $entry "caFile" (printf "/etc/sunward/secrets/%s-ca/ca.crt" .mount) -}}
{{- end -}}
{{- toYaml $entry -}}
{{- end }}

{{- define "sunward.settings" -}}
{{- include "sunward.checkValues" . -}}
prometheus:
  url: {{ include "sunward.prometheusUrl" . | quote }}
  timeoutSeconds: {{ .Values.prometheus.timeoutSeconds }}
  scrapeIntervalSeconds: {{ .Values.prometheus.scrapeIntervalSeconds }}
  job: {{ .Values.prometheus.job | quote }}
  {{- range $field, $file := dict "tokenSecretRef" "tokenFile" "passwordSecretRef" "passwordFile" "caSecretRef" "caFile" }}
  {{- if get $.Values.prometheus.access $field }}
  {{ $file }}: /etc/sunward/secrets/prometheus-{{ $field }}/{{ $file }}
  {{- end }}
  {{- end }}
  {{- with pick .Values.prometheus.access "username" "tenant" }}
  {{- toYaml . | nindent 2 }}
  {{- end }}
{{- with .Values.sensors }}
sensors:
  {{- toYaml . | nindent 2 }}
{{- end }}
intensitySources:
  {{- range $name, $source := .Values.intensitySources }}
  {{ $name | quote }}:
    {{- include "sunward.withFiles" (dict "entry" $source "mount" (printf "intensity-%s" $name)) | nindent 4 }}
  {{- else }} {}
  {{- end }}
{{- with .Values.harvestForecast }}
harvestForecast:
  {{- toYaml . | nindent 2 }}
{{- end }}
relays:
  {{- range $name, $relay := .Values.relays }}
  {{ $name | quote }}:
    {{- include "sunward.withFiles" (dict "entry" $relay "mount" (printf "relay-%s" $name)) | nindent 4 }}
  {{- else }} {}
  {{- end }}
trainerImage: {{ .Values.trainer.image | quote }}
{{- if .Values.ledger.signingKeySecretRef }}
ledger:
  signingKeyFile: /etc/sunward/secrets/ledger/signing-key.pem
{{- end }}
{{- with .Values.dataVolumes }}
dataVolumes:
  {{- toYaml . | nindent 2 }}
{{- end }}
{{- if .Values.sharedAddressSpace }}
sharedAddressSpace: true
{{- end }}
{{- end }}

{{/* The Secrets that contain tokens, passwords and certificates, as a JSON list of mount, name, key and path. */}}
{{- define "sunward.secrets" -}}
{{- $secrets := list -}}
{{- range $field, $file := dict "tokenSecretRef" "tokenFile" "passwordSecretRef" "passwordFile" "caSecretRef" "caFile" -}}
{{- with get $.Values.prometheus.access $field -}}
{{- $secrets = append $secrets (dict "mount" (printf "prometheus-%s" $field) "name" .name "key" .key "path" $file) -}}
{{- end -}}
{{- end -}}
{{- with .Values.ledger.signingKeySecretRef -}}
{{- $secrets = append $secrets (dict "mount" "ledger" "name" .name "key" .key "path" "signing-key.pem") -}}
{{- end -}}
{{- range $kind, $entries := dict "intensity" .Values.intensitySources "relay" .Values.relays -}}
{{- range $name, $entry := $entries -}}
{{- with $entry.tokenSecretRef | default $entry.credentialsSecretRef -}}
{{- $secrets = append $secrets (dict "mount" (printf "%s-%s" $kind $name) "name" .name "key" .key "path" "token") -}}
{{- end -}}
{{- with $entry.passwordSecretRef -}}
{{- $secrets = append $secrets (dict "mount" (printf "%s-%s-password" $kind $name) "name" .name "key" .key "path" "password") -}}
{{- end -}}
{{- with $entry.caSecretRef -}}
{{- $secrets = append $secrets (dict "mount" (printf "%s-%s-ca" $kind $name) "name" .name "key" .key "path" "ca.crt") -}}
{{- end -}}
{{- end -}}
{{- end -}}
{{- toJson $secrets -}}
{{- end }}
