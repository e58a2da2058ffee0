// Command agent carries out rolling updates of ReplicationControllers.
package main

import (
	"context"

	"k8s.io/client-go/rest"

	"github.com/rcroll/rcroll/cmd/internal/app"
	"github.com/rcroll/rcroll/pkg/agent"
)

func main() {
	var config agent.Config
	app.Main(app.Program{
		Name:   "rcroll-agent",
		Short:  "Carries out the rolling updates of ReplicationControllers that the webhook has recorded",
		Config: &config,
		Serve: func(ctx context.Context, restConfig *rest.Config) error {
			return agent.Run(ctx, restConfig, config)
		},
	})
}
