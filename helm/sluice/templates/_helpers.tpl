{{- define "sluice.labels" -}}
app.kubernetes.io/name: sluice
app.kubernetes.io/instance: {{ .Release.Name | quote }}
app.kubernetes.io/version: {{ .Chart.AppVersion | quote }}
app.kubernetes.io/managed-by: {{ .Release.Service }}
helm.sh/chart: {{ .Chart.Name }}-{{ .Chart.Version }}
{{- end }}

{{- /* What finds the operator's pods, and no others. A Deployment's selector can never change. */}}
{{- define "sluice.operatorSelector" -}}
app.kubernetes.io/name: sluice
app.kubernetes.io/instance: {{ .Release.Name | quote }}
app.kubernetes.io/component: operator
{{- end }}

{{- /* The runtime's name ends in a hash of what it says, so that another image is another runtime. */}}
{{- define "sluice.runtime" -}}
sluice-transformers-{{ .Chart.AppVersion }}-{{ include "sluice.runtimeSpec" . | fromYaml | toJson | sha256sum | trunc 8 }}
{{- end }}

{{- /* Every pod of the chart is one that Pod Security's level "restricted" admits. */}}
{{- define "sluice.podSecurity" -}}
runAsNonRoot: true
runAsUser: 65532
runAsGroup: 65532
fsGroup: 65532
seccompProfile: {type: RuntimeDefault}
{{- end }}

{{- define "sluice.containerSecurity" -}}
allowPrivilegeEscalation: false
readOnlyRootFilesystem: true
capabilities: {drop: [ALL]}
{{- end }}

{{- define "sluice.pullSecrets" -}}
{{- with .Values.image.pullSecrets }}
imagePullSecrets:
  {{- range . }}
  - name: {{ . | quote }}
  {{- end }}
{{- end }}
{{- end }}

{{- /* The port in a URL, or the one of its scheme. */}}
{{- define "sluice.portOf" -}}
{{- $url := urlParse . }}
{{- $port := regexFind ":[0-9]+$" $url.host | trimPrefix ":" }}
{{- $port | default (eq $url.scheme "https" | ternary "443" "80") }}
{{- end }}

{{- /* Which nodes take the chart's pods. */}}
{{- define "sluice.placement" -}}
{{- with .Values.operator.nodeSelector }}
nodeSelector: {{- toYaml . | nindent 2 }}
{{- end }}
{{- with .Values.operator.tolerations }}
tolerations: {{- toYaml . | nindent 2 }}
{{- end }}
{{- with .Values.operator.priorityClassName }}
priorityClassName: {{ . | quote }}
{{- end }}
{{- end }}

{{- /* The operator's settings. */}}
{{- define "sluice.environment" -}}
- {name: SLUICE_INTERVAL, value: {{ .Values.prometheus.interval | quote }}}
- {name: SLUICE_WRITES_PER_SECOND, value: {{ .Values.operator.writesPerSecond | quote }}}
- {name: SLUICE_GATEWAY_NAME, value: {{ .Values.route.gateway.name | quote }}}
- {name: SLUICE_GATEWAY_NAMESPACE, value: {{ .Values.route.gateway.namespace | quote }}}
- {name: SLUICE_GATEWAY_NAMES_VERSIONS, value: {{ .Values.route.gateway.namesVersions | quote }}}
- {name: SLUICE_DOMAIN, value: {{ .Values.route.domain | quote }}}
{{- with .Values.route.allowed }}
- {name: SLUICE_ROUTE_ALLOWED, value: {{ toJson . | quote }}}
{{- end }}
{{- with .Values.watchNamespaces }}
- {name: SLUICE_WATCH_NAMESPACES, value: {{ toJson . | quote }}}
{{- end }}
{{ include "sluice.prometheusEnv" . }}
{{- if .Values.runtime.enabled }}
- {name: SLUICE_DEFAULT_RUNTIME, value: {{ include "sluice.runtime" . | quote }}}
{{- end }}
# Whether there are the admission policies by which an act is surely its person's: with this scope the chart installs them.
- {name: SLUICE_ACTS_ADMITTED, value: {{ or (eq .Values.scope "Cluster") .Values.admissionInstalled | quote }}}
- {name: SLUICE_LEASE_NAME, value: sluice-operator}
- name: SLUICE_NAMESPACE
  valueFrom: {fieldRef: {fieldPath: metadata.namespace}}
- name: SLUICE_POD_NAME
  valueFrom: {fieldRef: {fieldPath: metadata.name}}
{{- end }}
