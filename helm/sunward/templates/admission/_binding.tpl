{{/* A policy has no effect without a binding; this binding denies. */}}
{{- define "sunward.binding" -}}
apiVersion: admissionregistration.k8s.io/v1
kind: ValidatingAdmissionPolicyBinding
metadata:
  name: {{ .name }}
  labels:
    {{- include "sunward.labels" .root | nindent 4 }}
spec:
  policyName: {{ .name }}
  validationActions: [Deny]
{{- end }}

{{/* The request comes from the operator. */}}
{{- define "sunward.isOperator" -}}
- name: is-operator
  expression: request.userInfo.username == "{{ include "sunward.operatorUser" . }}"
{{- end }}
