{{/*
The operator's rules for addresses (sunward/settings/address.py), so that values which the operator would refuse are
refused here, before anything is installed. A contract test compares both, address by address.
*/}}

{{/* Endings that make a name of two parts a public one. */}}
{{- define "sunward.publicTops" -}}
app arpa art biz blog box cloud club com dev edu energy global gov host info int link live mil mobi name net network
online org page pro shop site solar solutions space store systems tech tel today top website work world xyz zone
{{- end }}

{{/* IPv6 as eight groups without leading zeros, joined by colons; empty if it is not an address. */}}
{{- define "sunward.ipv6" -}}
{{- $groups := list -}}
{{- $sides := splitList "::" . -}}
{{- if not (or (gt (len $sides) 2) (regexMatch "^:[^:]|[^:]:$|:::" .)) -}}
{{- $left := splitList ":" (first $sides) | compact -}}
{{- $right := list -}}
{{- if eq (len $sides) 2 -}}
{{- $right = splitList ":" (last $sides) | compact -}}
{{- end -}}
{{- $missing := sub (sub 8 (len $left)) (len $right) | int -}}
{{- if and (eq (len $sides) 2) (gt $missing 0) -}}
{{- $groups = concat $left (splitList "" (repeat $missing "0")) $right -}}
{{- else if and (eq (len $sides) 1) (eq $missing 0) -}}
{{- $groups = $left -}}
{{- end -}}
{{- end -}}
{{- $plain := list -}}
{{- range $groups -}}
{{- if regexMatch "^[0-9a-f]{1,4}$" . -}}
{{- $plain = append $plain (regexReplaceAll "^0+([0-9a-f])" . "${1}") -}}
{{- end -}}
{{- end -}}
{{- if eq (len $plain) 8 -}}{{- join ":" $plain -}}{{- end -}}
{{- end }}

{{/* An address in parts, each in one spelling, as JSON: scheme, host, port and path, or what is wrong with it. */}}
{{- define "sunward.urlParts" -}}
{{- $rest := regexReplaceAll "^[A-Za-z]+://" . "" -}}
{{- $scheme := regexFind "^[A-Za-z]+" . | lower -}}
{{- $authority := regexFind "^[^/]*" $rest -}}
{{- $path := regexReplaceAll "/+$" (regexReplaceAll "/+" (regexReplaceAll "^[^/]*" $rest "") "/") "" -}}
{{- $host := regexReplaceAll ":[0-9]+$" $authority "" | lower -}}
{{- if hasPrefix "[" $authority -}}
{{- $host = regexFind "^\\[[^]]*\\]" $authority | lower -}}
{{- end -}}
{{- $port := trimPrefix $host (lower $authority) | trimPrefix ":" -}}
{{- if $port -}}
{{- $port = regexReplaceAll "^0+" $port "" | default "0" -}}
{{- else -}}
{{- $port = ternary "80" "443" (eq $scheme "http") -}}
{{- end -}}
{{- $host = trimSuffix "." $host -}}
{{- $label := "[a-z0-9_]([a-z0-9_-]{0,61}[a-z0-9_])?" -}}
{{- $wrong := "" -}}
{{- if or (gt (len .) 512) (not (regexMatch "^[Hh][Tt][Tt][Pp][Ss]?://([A-Za-z0-9._-]+|\\[[0-9A-Fa-f:]+\\])(:[0-9]{1,5})?(/[A-Za-z0-9._~!$&'()*+,;=:@-]*)*$" .)) -}}
{{- $wrong = "give an http(s) URL with a host, in ASCII, of at most 512 characters" -}}
{{- if regexMatch "[@?#]" . -}}
{{- $wrong = "leave user, password, query and fragment out; name a Secret or a file for credentials" -}}
{{- end -}}
{{- else if hasPrefix "[" $host -}}
{{- $host = include "sunward.ipv6" (trimAll "[]" $host) -}}
{{- if not $host -}}
{{- $wrong = "write the address as four decimal numbers, or as IPv6 in brackets" -}}
{{- else if hasPrefix "0:0:0:0:0:ffff:" $host -}}
{{- $wrong = "write the IPv4 address itself" -}}
{{- end -}}
{{- else if or (not (regexMatch (printf "^%s(\\.%s)*$" $label $label) $host)) (gt (len $host) 253) -}}
{{- $wrong = "the host is not a name or an address" -}}
{{- else if regexMatch "^(.*\\.)?([0-9]+|0x[0-9a-f]*)$" $host -}}
{{- $number := "(25[0-5]|2[0-4][0-9]|1[0-9][0-9]|[1-9]?[0-9])" -}}
{{- if not (regexMatch (printf "^%s(\\.%s){3}$" $number $number) $host) -}}
{{- $wrong = "write the address as four decimal numbers, or as IPv6 in brackets" -}}
{{- end -}}
{{- end -}}
{{- if and (not $wrong) (or (gt (len $port) 5) (lt (int $port) 1) (gt (int $port) 65535)) -}}
{{- $wrong = "the port is not between 1 and 65535" -}}
{{- end -}}
{{- if and (not $wrong) (regexMatch "(^|/)\\.{1,2}(/|$)" $path) -}}
{{- $wrong = "leave . and .. out of the path" -}}
{{- end -}}
{{- dict "scheme" $scheme "host" $host "port" $port "path" $path "wrong" $wrong | toJson -}}
{{- end }}

{{/* Whether a host stays inside the cluster or the administrator's own network: non-empty if it does. */}}
{{- define "sunward.isInside" -}}
{{- if regexMatch "^[0-9.]+$" . -}}
{{- regexFind "^(10|127|192\\.168|172\\.(1[6-9]|2[0-9]|3[01])|100\\.(6[4-9]|[7-9][0-9]|1[01][0-9]|12[0-7]))\\." . -}}
{{- else if contains ":" . -}}
{{- regexFind "^(f[cd][0-9a-f]{2}:|0:0:0:0:0:0:0:1$)" . -}}
{{- else if not (contains "." .) -}}yes
{{- else if regexMatch "\\.svc$|(^|\\.)(local|lan|home|home\\.arpa|internal|intranet|private|corp|localdomain|fritz\\.box)$" . -}}yes
{{- else if regexMatch "^[^.]+\\.[^.]{3,}$" . -}}
{{- if not (has (regexFind "[^.]+$" .) (regexSplit "\\s+" (include "sunward.publicTops" $) -1)) -}}yes{{- end -}}
{{- end -}}
{{- end }}

{{/* Why the operator would refuse this address; empty if it would not. Needs url and shared (100.64.0.0/10 is ours). */}}
{{- define "sunward.urlFault" -}}
{{- $parts := include "sunward.urlParts" .url | fromJson -}}
{{- $host := $parts.host -}}
{{- if $parts.wrong -}}
{{- $parts.wrong -}}
{{- else if regexMatch "^(0\\.0\\.0\\.0|(169\\.254|22[4-9]|23[0-9])\\.[0-9.]+|fe[89ab][0-9a-f]:.*:.*|ff[0-9a-f]{2}:.*:.*|0:0:0:0:0:0:0:0)$" $host -}}
link-local, multicast and unspecified addresses are refused
{{- else if and (eq $parts.scheme "http") (regexMatch "^100\\.(6[4-9]|[7-9][0-9]|1[01][0-9]|12[0-7])\\.[0-9.]+$" $host) (not .shared) -}}
100.64.0.0/10 may belong to the provider: use https, or set sharedAddressSpace: true
{{- else if and (eq $parts.scheme "http") (not (include "sunward.isInside" $host)) -}}
plain http leaves the cluster here; use https, or end the name of a Service with .svc
{{- end -}}
{{- end }}

{{/* Fails unless the operator would accept this address. Needs root, where and url. */}}
{{- define "sunward.checkUrl" -}}
{{- with include "sunward.urlFault" (dict "url" .url "shared" .root.Values.sharedAddressSpace) -}}
{{- fail (printf "%s: %s" $.where .) -}}
{{- end -}}
{{- end }}

{{/* One spelling of a relay's switch, to compare by. */}}
{{- define "sunward.switch" -}}
{{- $parts := include "sunward.urlParts" .url | fromJson -}}
{{- $port := ternary "" $parts.port (eq $parts.port (ternary "80" "443" (eq $parts.scheme "http"))) -}}
{{- printf "%s:%s%s %d" (ternary "127.0.0.1" (regexReplaceAll "\\.svc(\\.cluster\\.local)?$" $parts.host "") (eq $parts.host "localhost")) $port $parts.path (int (.switchId | default 0)) -}}
{{- end }}

{{/* Fails if the values contain what the operator would refuse and the schema cannot tell. */}}
{{- define "sunward.checkValues" -}}
{{- if .Values.prometheus.url -}}
{{- include "sunward.checkUrl" (dict "root" . "where" "prometheus.url" "url" .Values.prometheus.url) -}}
{{- end -}}
{{- with .Values.prometheus.access -}}
{{- include "sunward.checkAccess" (dict "where" "prometheus.access" "access" . "url" $.Values.prometheus.url) -}}
{{- end -}}
{{- with .Values.harvestForecast.url -}}
{{- include "sunward.checkUrl" (dict "root" $ "where" "harvestForecast.url" "url" .) -}}
{{- end -}}
{{- range $name, $source := .Values.intensitySources -}}
{{- if $source.url -}}
{{- include "sunward.checkUrl" (dict "root" $ "where" (printf "intensitySources.%s.url" $name) "url" $source.url) -}}
{{- end -}}
{{- if eq $source.provider "prometheus" -}}
{{- include "sunward.checkAccess" (dict "where" (printf "intensitySources.%s" $name) "access" $source "url" $source.url) -}}
{{- end -}}
{{- range $one := $source.sources -}}
{{- if eq "chain" (dig $one "provider" "chain" $.Values.intensitySources) -}}
{{- fail (printf "intensitySources.%s.sources: %q is no source that a chain can name: define it in intensitySources, with a provider other than chain" $name $one) -}}
{{- end -}}
{{- end -}}
{{- range $field := list "gramsPerKilowattHour" "annualMean" "profile" "gramsAtPercentile" "labels" -}}
{{- include "sunward.checkNames" (dict "where" (printf "intensitySources.%s.%s" $name $field) "map" (get $source $field)) -}}
{{- end -}}
{{- end -}}
{{- include "sunward.checkNames" (dict "where" "intensitySources" "map" .Values.intensitySources) -}}
{{- include "sunward.checkNames" (dict "where" "relays" "map" .Values.relays) -}}
{{- $seen := dict -}}
{{- range $name, $relay := .Values.relays -}}
{{- $where := printf "relays.%s" $name -}}
{{- include "sunward.checkUrl" (dict "root" $ "where" (printf "%s.url" $where) "url" $relay.url) -}}
{{- if and $relay.caSecretRef (not (regexMatch "^[Hh][Tt][Tt][Pp][Ss]:" $relay.url)) -}}
{{- fail (printf "%s: caSecretRef is used with https only: change url to https, or remove caSecretRef" $where) -}}
{{- end -}}
{{- if and $relay.username (not $relay.credentialsSecretRef) -}}
{{- fail (printf "%s: username needs a password: set credentialsSecretRef as well, or remove username" $where) -}}
{{- end -}}
{{- $switch := include "sunward.switch" $relay -}}
{{- with get $seen $switch -}}
{{- fail (printf "%s: is the same switch as relay %s: correct url or switchId, or remove one of the two" $where .) -}}
{{- end -}}
{{- $_ := set $seen $switch $name -}}
{{- end -}}
{{- end }}

{{/* Fails unless the credentials for a Prometheus fit together. Needs where, access and url. */}}
{{- define "sunward.checkAccess" -}}
{{- if ne (empty .access.username) (empty .access.passwordSecretRef) -}}
{{- fail (printf "%s: username and passwordSecretRef are used together: set both, or neither" .where) -}}
{{- end -}}
{{- if and .access.username .access.tokenSecretRef -}}
{{- fail (printf "%s: only one of tokenSecretRef and username is sent: remove the other" .where) -}}
{{- end -}}
{{- if and .access.caSecretRef (not (regexMatch "^[Hh][Tt][Tt][Pp][Ss]:" .url)) -}}
{{- fail (printf "%s: caSecretRef is used with https only: change url to https, or remove caSecretRef" .where) -}}
{{- end -}}
{{- end }}

{{/* YAML reads the bare words NO, N, OFF, ON, Y and YES as truth values, and Helm turns them into false and true. */}}
{{- define "sunward.checkNames" -}}
{{- range $name, $_ := .map | default dict -}}
{{- if has $name (list "false" "true") -}}
{{- fail (printf "%s: a name is %s, which YAML makes of a bare NO, N, OFF, ON, Y or YES: put the name in quotes, as in \"NO\"" $.where $name) -}}
{{- end -}}
{{- end -}}
{{- end }}
