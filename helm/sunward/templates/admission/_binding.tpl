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

{{/* The object of the variables job, uid and owners belongs to that TrainingJob alone, and to no other of its name. */}}
{{- define "sunward.isOwned" -}}
size(variables.owners) == 1 && variables.owners.all(o, o.kind == "TrainingJob"
&& o.apiVersion.startsWith("sunward.dev/") && o.name == variables.job && o.uid == variables.uid
&& o.?controller.orValue(false))
{{- end }}
