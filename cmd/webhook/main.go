// Command webhook reviews writes to ReplicationControllers: it records an edit that
// needs a rolling update as a request, and carries out the agent's commands.
package main

import (
	"context"

	"k8s.io/client-go/rest"

	"github.com/rcroll/rcroll/cmd/internal/app"
)

func main() {
	var c config
	app.Main(app.Program{
		Name:   "rcroll-webhook",
		Short:  "Reviews writes to ReplicationControllers, and records edits that need a rolling update as requests",
		Config: &c,
		Serve: func(ctx context.Context, restConfig *rest.Config) error {
			return serve(ctx, restConfig, &c)
		},
	})
}
