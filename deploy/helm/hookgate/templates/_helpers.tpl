{{/* The release's name, as every object carries it. */}}
{{- define "hookgate.name" -}}
{{- default .Chart.Name .Values.nameOverride | trunc 50 | trimSuffix "-" -}}
{{- end -}}

{{- define "hookgate.fullname" -}}
{{- if .Values.fullnameOverride -}}
{{- .Values.fullnameOverride | trunc 50 | trimSuffix "-" -}}
{{- else if contains (include "hookgate.name" .) .Release.Name -}}
{{- .Release.Name | trunc 50 | trimSuffix "-" -}}
{{- else -}}
{{- printf "%s-%s" .Release.Name (include "hookgate.name" .) | trunc 50 | trimSuffix "-" -}}
{{- end -}}
{{- end -}}

{{- define "hookgate.selector" -}}
app.kubernetes.io/name: {{ include "hookgate.name" . }}
app.kubernetes.io/instance: {{ .Release.Name }}
{{- end -}}

{{- define "hookgate.labels" -}}
{{ include "hookgate.selector" . }}
app.kubernetes.io/version: {{ .Chart.AppVersion | quote }}
app.kubernetes.io/managed-by: {{ .Release.Service }}
helm.sh/chart: {{ printf "%s-%s" .Chart.Name .Chart.Version | replace "+" "_" }}
{{- end -}}

{{- define "hookgate.serviceAccount" -}}
{{- if .Values.serviceAccount.create -}}
{{- default (include "hookgate.fullname" .) .Values.serviceAccount.name -}}
{{- else -}}
{{- default "default" .Values.serviceAccount.name -}}
{{- end -}}
{{- end -}}

{{- define "hookgate.image" -}}
{{- with .Values.image -}}
{{- if .digest -}}
{{ .repository }}@{{ .digest }}
{{- else -}}
{{ .repository }}:{{ .tag | default $.Chart.AppVersion }}
{{- end -}}
{{- end -}}
{{- end -}}

{{- define "hookgate.adminScheme" -}}
{{- if .Values.tls.admin }}https{{ else }}http{{ end -}}
{{- end -}}

{{/*
The configuration: what `config` says, and what is the chart's to say. One place says each key, so
what the chart writes is refused there.
*/}}
{{- define "hookgate.config" -}}
{{- $given := .Values.config -}}
{{- range $path := list "server.instance" "server.listen" "server.drain_grace" "server.drain_deadline" "server.tls" "admin.listen" "admin.allow_plaintext" "admin.tls" "journal.dir" -}}
{{- $key := splitList "." $path -}}
{{- if hasKey (dig (first $key) dict $given) (last $key) -}}
{{- fail (printf "config.%s is written by the chart: see drain, tls, journal and replicas in values.yaml" $path) -}}
{{- end -}}
{{- end -}}
{{- $brokers := required "config.kafka.brokers is required, such as \"kafka-1:9092,kafka-2:9092\"" $given.kafka.brokers -}}
{{- $sources := required "config.source is required: one source at least" $given.source -}}
{{- if le (int .Values.drain.deadline) (int .Values.drain.grace) -}}
{{- fail "drain.deadline must be longer than drain.grace" -}}
{{- end -}}
{{- $server := dict "listen" "0.0.0.0:8080" "drain_grace" (printf "%ds" (int .Values.drain.grace)) "drain_deadline" (printf "%ds" (int .Values.drain.deadline)) -}}
{{- with .Values.tls.server -}}
{{- $_ := set $server "tls" (dict "cert" "/run/tls/server/tls.crt" "key" "/run/tls/server/tls.key") -}}
{{- end -}}
{{- $admin := dict "listen" "0.0.0.0:9080" -}}
{{- if .Values.tls.admin -}}
{{- $tls := dict "cert" "/run/tls/admin/tls.crt" "key" "/run/tls/admin/tls.key" -}}
{{- if .Values.tls.adminClients -}}
{{- $_ := set $tls "client_ca" "/run/tls/admin/ca.crt" -}}
{{- end -}}
{{- $_ := set $admin "tls" $tls -}}
{{- else -}}
{{- $_ := set $admin "allow_plaintext" true -}}
{{- end -}}
{{- $ours := dict "server" $server "admin" $admin "journal" (dict "dir" "/var/lib/hookgate") -}}
{{- $all := mergeOverwrite (deepCopy $given) $ours -}}
{{- if not $all.tenant -}}
{{- $all = omit $all "tenant" -}}
{{- end -}}
{{- include "hookgate.whole" $all -}}
{{ toToml $all }}
{{- end -}}

{{/*
Whole numbers as such, in place: Helm reads every number of a values file as a float, and TOML tells
1000.0 from 1000.
*/}}
{{- define "hookgate.whole" -}}
{{- range $key, $value := . -}}
{{- if kindIs "map" $value -}}
{{- include "hookgate.whole" $value -}}
{{- else if kindIs "slice" $value -}}
{{- range $value -}}
{{- if kindIs "map" . -}}
{{- include "hookgate.whole" . -}}
{{- end -}}
{{- end -}}
{{- else if and (kindIs "float64" $value) (eq (floor $value) $value) -}}
{{- $_ := set $ $key (int64 $value) -}}
{{- end -}}
{{- end -}}
{{- end -}}

{{/* The ports of what else the configuration names by a URL: the registry of schemas, the collector. */}}
{{- define "hookgate.urlPorts" -}}
{{- $ports := list -}}
{{- $registry := dig "kafka" "schema_registry" "url" "" .Values.config -}}
{{- $collector := dig "telemetry" "otlp" "endpoint" "" .Values.config -}}
{{- range list $registry $collector -}}
{{- with . -}}
{{- $usual := ternary "443" "80" (hasPrefix "https:" .) -}}
{{- $ports = append $ports (regexFind "[0-9]+$" (regexFind ":[0-9]+$" (urlParse .).host) | default $usual) -}}
{{- end -}}
{{- end -}}
{{- $ports | uniq | join "," -}}
{{- end -}}

{{/* The ports of the brokers, once each. */}}
{{- define "hookgate.kafkaPorts" -}}
{{- $ports := list -}}
{{- range splitList "," .Values.config.kafka.brokers -}}
{{- $ports = append $ports (regexFind "[0-9]+$" (trim .) | default "9092") -}}
{{- end -}}
{{- $ports | uniq | join "," -}}
{{- end -}}
