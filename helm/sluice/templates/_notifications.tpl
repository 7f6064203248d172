{{- /* Who is told of what becomes of versions. Addresses and keys are files: they are never in the values, in the environment or
       in a log, and a Secret that changes is seen without a restart. One that is missing keeps no operator from starting. */}}
{{- define "sluice.notificationsFolder" -}}/etc/sluice/notifications{{- end }}

{{- define "sluice.notificationsEnv" -}}
{{- $folder := include "sluice.notificationsFolder" . }}
{{- $all := list }}
{{- $names := dict }}
{{- range .Values.notifications }}
{{- if hasKey $names .name }}{{ fail (printf "notifications: two have the name %s" .name) }}{{ end }}
{{- $_ := set $names .name true }}
{{- $told := dict "name" .name "format" (.format | default "plain") "url_file" (printf "%s/%s/url" $folder .name) }}
{{- if ne .format "slack" }}{{ $_ := set $told "key_file" (printf "%s/%s/key" $folder .name) }}{{ end }}
{{- with .events }}{{ $_ := set $told "events" . }}{{ end }}
{{- $all = append $all $told }}
{{- end }}
{{- if $all }}
- {name: SLUICE_NOTIFICATIONS, value: {{ toJson $all | quote }}}
{{- end }}
{{- end }}

{{- define "sluice.notificationsMount" -}}
{{- if .Values.notifications }}
- {name: notifications, mountPath: {{ include "sluice.notificationsFolder" . }}, readOnly: true}
{{- end }}
{{- end }}

{{- define "sluice.notificationsVolume" -}}
{{- with .Values.notifications }}
- name: notifications
  projected:
    defaultMode: 0440
    sources:
      {{- range . }}
      - secret:
          name: {{ .secret | quote }}
          optional: true
          items:
            - {key: url, path: {{ .name }}/url}
            {{- if ne .format "slack" }}
            - {key: key, path: {{ .name }}/key}
            {{- end }}
      {{- end }}
{{- end }}
{{- end }}
