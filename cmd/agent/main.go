// Command agent carries out rolling updates of ReplicationControllers.
package main

import (
	"context"

	"k8s.io/client-go/rest"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/rcroll/rcroll/cmd/internal/app"
	"github.com/rcroll/rcroll/pkg/agent"
	"github.com/rcroll/rcroll/pkg/drain"
)

func main() {
	var config agent.Config
	var draining drain.Options
	app.Main(app.Program{
		Name:   "rcroll-agent",
		Short:  "Carries out the rolling updates of ReplicationControllers that the webhook has recorded",
		Config: &config,
		Serve: func(ctx context.Context, restConfig *rest.Config) error {
			return agent.Run(ctx, restConfig, config)
		},
		Commands: []app.Program{{
			Name:   "drain",
			Short:  "Ends all rolling updates, so that rcroll can be uninstalled",
			Config: &draining,
			Serve: func(ctx context.Context, restConfig *rest.Config) error {
				c, err := client.New(restConfig, client.Options{})
				if err != nil {
					return err
				}
				return drain.Run(ctx, c, draining)
			},
		}},
	})
}
