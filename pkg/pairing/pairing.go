// Package pairing lets webhook and agent find out when they start that they were not
// installed for each other, and not at the first rolling update.
//
// The webhook publishes what it expects of the agent in annotations of its
// MutatingWebhookConfiguration. The agent compares that with what it is, and asks the
// API server whether the admission policies know its account.
package pairing

import (
	"errors"
	"fmt"
)

// The annotations of the MutatingWebhookConfiguration.
const (
	AgentUserAnnotation    = "rcroll.dev/agent-user"
	HashLabelKeyAnnotation = "rcroll.dev/hash-label-key"
)

// Terms are what webhook and agent have to agree on.
type Terms struct {
	// AgentUser is the user name of the agent.
	AgentUser string

	// HashLabelKey is the key of the label that holds the hash of the pod template.
	HashLabelKey string
}

// annotations are the terms as they are published.
func (t Terms) annotations() map[string]string {
	return map[string]string{AgentUserAnnotation: t.AgentUser, HashLabelKeyAnnotation: t.HashLabelKey}
}

// published reports whether a webhook has published its terms. One from before there
// were any never does, and an update goes through a time with that webhook.
func published(annotations map[string]string) bool {
	return annotations[AgentUserAnnotation] != "" && annotations[HashLabelKeyAnnotation] != ""
}

// compare returns an error that names everything in which the webhook's terms differ
// from the agent's own.
func compare(annotations map[string]string, own Terms) error {
	if !published(annotations) {
		return nil
	}
	var problems []error
	if user := annotations[AgentUserAnnotation]; user != own.AgentUser {
		problems = append(problems, fmt.Errorf("the webhook takes %s for the agent, but this agent is %s: set --agent-user of the webhook", user, own.AgentUser))
	}
	if key := annotations[HashLabelKeyAnnotation]; key != own.HashLabelKey {
		problems = append(problems, fmt.Errorf("the webhook has --hash-label-key=%s, this agent %s: set the same for both", key, own.HashLabelKey))
	}
	return errors.Join(problems...)
}
