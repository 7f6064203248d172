{{- /* How a pod of ours reaches Prometheus: what it must know, as environment, and what it must hold, as files. The files lie in
       one volume without subPath, so that a Secret that changes is seen without a restart; those of a namespace's own Prometheus
       in a folder of its name. */}}
{{- define "sluice.prometheusFolder" -}}/etc/sluice/prometheus{{- end }}

{{- /* The sources of one Prometheus' files. It is given the Prometheus, what it is called in the values, and its folder. */}}
{{- define "sluice.sourcesOf" -}}
{{- $path := .folder }}
{{- $ca := .prometheus.ca | default dict }}
{{- $token := .prometheus.token | default dict }}
{{- $basic := .prometheus.basic | default dict }}
{{- if and $ca.configMap $ca.secret }}{{ fail (printf "%s.ca: set configMap or secret, not both" .called) }}{{ end }}
{{- if and $token.secret $basic.secret }}{{ fail (printf "%s: set token.secret or basic.secret, not both" .called) }}{{ end }}
{{- with $ca.configMap }}
- configMap: {name: {{ . | quote }}, items: [{key: {{ $ca.key | default "ca.crt" | quote }}, path: {{ $path }}ca.crt}]}
{{- end }}
{{- with $ca.secret }}
- secret: {name: {{ . | quote }}, items: [{key: {{ $ca.key | default "ca.crt" | quote }}, path: {{ $path }}ca.crt}]}
{{- end }}
{{- with $token.secret }}
- secret: {name: {{ . | quote }}, items: [{key: {{ $token.key | default "token" | quote }}, path: {{ $path }}token}]}
{{- end }}
{{- with $basic.secret }}
- secret: {name: {{ . | quote }}, items: [{key: username, path: {{ $path }}username}, {key: password, path: {{ $path }}password}]}
{{- end }}
{{- end }}

{{- define "sluice.prometheusSources" -}}
{{- include "sluice.sourcesOf" (dict "prometheus" .Values.prometheus "called" "prometheus" "folder" "") }}
{{- range $namespace, $own := .Values.prometheus.namespaces }}
{{- include "sluice.sourcesOf" (dict "prometheus" $own "called" (printf "prometheus.namespaces.%s" $namespace) "folder" (printf "%s/" $namespace)) }}
{{- end }}
{{- end }}

{{- define "sluice.prometheusEnv" -}}
{{- $folder := include "sluice.prometheusFolder" . -}}
- {name: SLUICE_PROMETHEUS_URL, value: {{ .Values.prometheus.url | quote }}}
{{- with .Values.prometheus }}
{{- if or .ca.configMap .ca.secret }}
- {name: SLUICE_PROMETHEUS_CA_FILE, value: {{ $folder }}/ca.crt}
{{- end }}
{{- if .token.secret }}
- {name: SLUICE_PROMETHEUS_TOKEN_FILE, value: {{ $folder }}/token}
{{- end }}
{{- if .basic.secret }}
- {name: SLUICE_PROMETHEUS_USERNAME_FILE, value: {{ $folder }}/username}
- {name: SLUICE_PROMETHEUS_PASSWORD_FILE, value: {{ $folder }}/password}
{{- end }}
{{- with .headers }}
- {name: SLUICE_PROMETHEUS_HEADERS, value: {{ toJson . | quote }}}
{{- end }}
{{- with .gateway }}
- {name: SLUICE_PROMETHEUS_GATEWAY, value: {{ . | quote }}}
{{- end }}
{{- if .customQueries.enabled }}
- {name: SLUICE_PROMETHEUS_CUSTOM_QUERIES, value: "true"}
{{- end }}
{{- if .namespaces }}
- {name: SLUICE_PROMETHEUS_NAMESPACES, value: {{ include "sluice.prometheusNamespaces" $ | quote }}}
{{- end }}
{{- end }}
{{- end }}

{{- /* Each namespace's own Prometheus, as the operator reads it. */}}
{{- define "sluice.prometheusNamespaces" -}}
{{- $all := dict }}
{{- range $namespace, $own := .Values.prometheus.namespaces }}
{{- $folder := printf "%s/%s" (include "sluice.prometheusFolder" $) $namespace }}
{{- $ca := $own.ca | default dict }}
{{- $said := dict "url" $own.url }}
{{- if or $ca.configMap $ca.secret }}{{ $_ := set $said "ca_file" (printf "%s/ca.crt" $folder) }}{{ end }}
{{- if ($own.token | default dict).secret }}{{ $_ := set $said "token_file" (printf "%s/token" $folder) }}{{ end }}
{{- if ($own.basic | default dict).secret }}
{{- $_ := set $said "username_file" (printf "%s/username" $folder) }}
{{- $_ := set $said "password_file" (printf "%s/password" $folder) }}
{{- end }}
{{- with $own.headers }}{{ $_ := set $said "headers" . }}{{ end }}
{{- with $own.gateway }}{{ $_ := set $said "gateway" . }}{{ end }}
{{- if ($own.customQueries | default dict).enabled }}{{ $_ := set $said "custom_queries" true }}{{ end }}
{{- $_ := set $all $namespace $said }}
{{- end }}
{{- toJson $all }}
{{- end }}

{{- define "sluice.prometheusMount" -}}
{{- if include "sluice.prometheusSources" . | trim }}
- {name: prometheus, mountPath: {{ include "sluice.prometheusFolder" . }}, readOnly: true}
{{- end }}
{{- end }}

{{- define "sluice.prometheusVolume" -}}
{{- with include "sluice.prometheusSources" . | trim }}
- name: prometheus
  projected:
    defaultMode: 0440
    sources: {{- . | nindent 6 }}
{{- end }}
{{- end }}
