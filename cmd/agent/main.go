// Command agent takes rollouts of ReplicationControllers forward.
package main

import (
	"context"

	"k8s.io/client-go/rest"

	"github.com/rcroll/rcroll/cmd/internal/app"
	"github.com/rcroll/rcroll/pkg/agent"
)

func main() {
	var config agent.Config
	app.Main("agent", &config, func(ctx context.Context, restConfig *rest.Config) error {
		return agent.Run(ctx, restConfig, config)
	})
}
