{{- define "turnstream.name" -}}
{{- .Release.Name | trunc 63 | trimSuffix "-" -}}
{{- end -}}

{{- define "turnstream.selector" -}}
app.kubernetes.io/name: {{ .Chart.Name }}
app.kubernetes.io/instance: {{ .Release.Name }}
{{- end -}}

{{- define "turnstream.labels" -}}
{{ include "turnstream.selector" . }}
app.kubernetes.io/version: {{ .Chart.AppVersion | quote }}
app.kubernetes.io/managed-by: {{ .Release.Service }}
{{- end -}}

{{- define "turnstream.image" -}}
{{ .Values.image.repository }}:{{ .Values.image.tag | default .Chart.AppVersion }}
{{- end -}}

{{- define "turnstream.container" -}}
securityContext:
  allowPrivilegeEscalation: false
  readOnlyRootFilesystem: true
  capabilities: {drop: ["ALL"]}
{{- end -}}

{{- define "turnstream.store" -}}
- name: TURNSTREAM_STORE
  {{- if eq .Values.store "secret" }}
  valueFrom:
    secretKeyRef: {name: {{ .Values.secret | quote }}, key: TURNSTREAM_STORE}
  {{- else if eq .Values.store "none" }}
  value: "none"
  {{- else }}
  {{- fail "store: 'secret' or 'none'" }}
  {{- end }}
{{- end -}}
