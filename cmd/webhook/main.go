// Command webhook decides what writes to ReplicationControllers mean.
package main

import (
	"context"

	"k8s.io/client-go/rest"

	"github.com/rcroll/rcroll/cmd/internal/app"
)

func main() {
	var c config
	app.Main("webhook", &c, func(ctx context.Context, restConfig *rest.Config) error {
		return serve(ctx, restConfig, &c)
	})
}
