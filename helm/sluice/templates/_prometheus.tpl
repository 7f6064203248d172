{{- /* How a pod of ours reaches Prometheus: what it must know, as environment, and what it must hold, as files. The files lie in
       one volume without subPath, so that a Secret that changes is seen without a restart. */}}
{{- define "sluice.prometheusFolder" -}}/etc/sluice/prometheus{{- end }}

{{- define "sluice.prometheusSources" -}}
{{- with .Values.prometheus }}
{{- if and .ca.configMap .ca.secret }}{{ fail "prometheus.ca: set configMap or secret, not both" }}{{ end }}
{{- if and .token.secret .basic.secret }}{{ fail "prometheus: set token.secret or basic.secret, not both" }}{{ end }}
{{- with .ca.configMap }}
- configMap: {name: {{ . }}, items: [{key: {{ $.Values.prometheus.ca.key | quote }}, path: ca.crt}]}
{{- end }}
{{- with .ca.secret }}
- secret: {name: {{ . }}, items: [{key: {{ $.Values.prometheus.ca.key | quote }}, path: ca.crt}]}
{{- end }}
{{- with .token.secret }}
- secret: {name: {{ . }}, items: [{key: {{ $.Values.prometheus.token.key | quote }}, path: token}]}
{{- end }}
{{- with .basic.secret }}
- secret: {name: {{ . }}, items: [{key: username, path: username}, {key: password, path: password}]}
{{- end }}
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
{{- end }}
{{- end }}

{{- define "sluice.prometheusMounts" -}}
{{- if include "sluice.prometheusSources" . | trim }}
volumeMounts:
  - {name: prometheus, mountPath: {{ include "sluice.prometheusFolder" . }}, readOnly: true}
{{- end }}
{{- end }}

{{- define "sluice.prometheusVolumes" -}}
{{- with include "sluice.prometheusSources" . | trim }}
volumes:
  - name: prometheus
    projected:
      defaultMode: 0440
      sources: {{- . | nindent 8 }}
{{- end }}
{{- end }}
