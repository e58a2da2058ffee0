package drain

import (
	"errors"
	"time"

	"github.com/spf13/pflag"
)

// Options are the flags of the command.
type Options struct {
	// Patience is how long rollouts may go on before they are cancelled; 0 or more.
	Patience time.Duration

	// Timeout bounds it all; more than 0.
	Timeout time.Duration

	// WebhookConfiguration names the MutatingWebhookConfiguration that is deleted when no
	// rollout is left, before any can be started; empty to leave it.
	WebhookConfiguration string
}

// Register adds the flags, with their defaults.
func (o *Options) Register(flags *pflag.FlagSet) {
	flags.DurationVar(&o.Patience, "patience", time.Minute, "how long rolling updates may go on before they are cancelled")
	flags.DurationVar(&o.Timeout, "timeout", 5*time.Minute, "how long to wait in all")
	flags.StringVar(&o.WebhookConfiguration, "delete-webhook-configuration", "", "name of the MutatingWebhookConfiguration to delete when no rolling update is left; empty to leave it")
}

// Validate returns an error that names every flag with an invalid value.
func (o *Options) Validate() error {
	var problems []error
	if o.Patience < 0 {
		problems = append(problems, errors.New("--patience: must not be negative"))
	}
	if o.Timeout <= 0 {
		problems = append(problems, errors.New("--timeout: must be more than 0"))
	}
	return errors.Join(problems...)
}
