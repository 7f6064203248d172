{{- /* The database of the record: a file on a volume of the operator's own, or PostgreSQL, whose URL with its credentials is in a
       Secret. One that is missing keeps no operator from starting: nothing is recorded then, so that no version gets more traffic, and
       what fails is taken back. */}}
{{- /* Where the operator has its ledger unless it is told of another one. */}}
{{- define "sluice.ledgerFolder" -}}/var/lib/sluice{{- end }}

{{- define "sluice.ledgerEnv" -}}
{{- with .Values.ledger.postgresql }}
{{- if .secretName }}
- name: SLUICE_LEDGER_URL
  valueFrom: {secretKeyRef: {name: {{ .secretName | quote }}, key: {{ .secretKey | quote }}, optional: true}}
{{- end }}
{{- end }}
{{- end }}

{{- define "sluice.ledgerMount" -}}
{{- if not .Values.ledger.postgresql.secretName }}
- {name: ledger, mountPath: {{ include "sluice.ledgerFolder" . }}}
{{- end }}
{{- end }}

{{- define "sluice.ledgerVolume" -}}
{{- if not .Values.ledger.postgresql.secretName }}
- name: ledger
  persistentVolumeClaim: {claimName: sluice-ledger}
{{- end }}
{{- end }}
