package main

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"net/http"

	"k8s.io/client-go/kubernetes/scheme"
	"k8s.io/client-go/rest"
	ctrl "sigs.k8s.io/controller-runtime"
	"sigs.k8s.io/controller-runtime/pkg/cache"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/healthz"
	"sigs.k8s.io/controller-runtime/pkg/manager"
	crwebhook "sigs.k8s.io/controller-runtime/pkg/webhook"

	"github.com/rcroll/rcroll/certs"
	"github.com/rcroll/rcroll/pkg/metrics"
	"github.com/rcroll/rcroll/pkg/pairing"
	"github.com/rcroll/rcroll/pkg/policies"
	"github.com/rcroll/rcroll/pkg/verdict"
	"github.com/rcroll/rcroll/pkg/webhook"
)

// serve answers admission reviews until the context ends. Every replica does so,
// without leader election.
func serve(ctx context.Context, restConfig *rest.Config, c *config) error {
	restConfig = c.limit(restConfig)
	options, err := managerOptions(c)
	if err != nil {
		return err
	}
	mgr, err := ctrl.NewManager(restConfig, options)
	if err != nil {
		return fmt.Errorf("set up the manager: %w", err)
	}
	// A review has to decide on what is stored, not on a cache.
	live, err := client.New(restConfig, client.Options{HTTPClient: mgr.GetHTTPClient(), Scheme: mgr.GetScheme(), Mapper: mgr.GetRESTMapper()})
	if err != nil {
		return fmt.Errorf("set up the client: %w", err)
	}
	rotator := certs.NewRotator(c.certificate())
	if err := rotator.Bootstrap(ctx, live); err != nil {
		return err
	}
	if err := rotator.Register(mgr); err != nil {
		return err
	}
	if err := pairing.Publish(mgr, c.terms()); err != nil {
		return err
	}
	judge, err := newJudge(ctx, restConfig, mgr, c)
	if err != nil {
		return err
	}
	sayWhatIsLacking(ctrl.Log.WithName("server"), mgr.GetRESTMapper())
	known, err := policies.New(restConfig)
	if err != nil {
		return err
	}
	if err := mgr.Add(known); err != nil {
		return fmt.Errorf("add the watch of policies: %w", err)
	}
	webhook.Register(mgr.GetWebhookServer(), live, judge, known, c.rules())
	if err := addProbes(mgr, rotator, known); err != nil {
		return err
	}
	if err := mgr.Start(ctx); err != nil {
		return fmt.Errorf("run the manager: %w", err)
	}
	return nil
}

// newJudge says at start-up in whose name it will ask.
func newJudge(ctx context.Context, restConfig *rest.Config, mgr manager.Manager, c *config) (*verdict.Judge, error) {
	options := verdict.Options{UserOnly: c.verdictAs == string(verdict.AsUser), Asked: webhook.CountVerdict}
	judge, err := verdict.New(restConfig, options, client.Options{Scheme: mgr.GetScheme(), Mapper: mgr.GetRESTMapper()})
	if err != nil {
		return nil, err
	}
	as, err := judge.Probe(ctx, c.namespace)
	log := ctrl.Log.WithName("verdict")
	switch {
	case err != nil:
		log.Error(err, "Cannot find out whether the API server lets rcroll ask in a user's name")
	case as == verdict.AsUser:
		log.Info("Requested specs are judged as the user who asks for them, those of members of system:masters as rcroll", "verdictAs", c.verdictAs)
	default:
		log.Info("The API server does not allow constrained impersonation (Kubernetes 1.36 or later): requested specs are judged as rcroll, and policies that depend on the user do not apply to them", "verdictAs", c.verdictAs)
	}
	return judge, nil
}

func managerOptions(c *config) (ctrl.Options, error) {
	var tlsOptions []func(*tls.Config)
	if c.clientCAFile != "" {
		demand, err := requireClientCertificate(c.clientCAFile, c.clientAllowedNames)
		if err != nil {
			return ctrl.Options{}, err
		}
		tlsOptions = append(tlsOptions, demand)
	}
	return ctrl.Options{
		Scheme: scheme.Scheme,
		WebhookServer: crwebhook.NewServer(crwebhook.Options{
			Host:     c.bindAddress,
			Port:     c.port,
			CertDir:  c.certDir,
			CertName: certs.PairFile,
			KeyName:  certs.PairFile,
			TLSOpts:  tlsOptions,
		}),
		HealthProbeBindAddress: c.healthProbeBindAddress,
		Metrics:                metrics.Server(c.metricsBindAddress),
		Cache: cache.Options{
			DefaultTransform: cache.TransformStripManagedFields(),
			ByObject:         c.certificate().Cache(),
			// Memory must not grow with the cluster: reading anything else through
			// the cache is an error rather than a new watch.
			ReaderFailOnMissingInformer: true,
		},
	}, nil
}

// addProbes makes the process ready once the API server can call it: it serves, with
// a certificate that the webhook configuration trusts.
func addProbes(mgr manager.Manager, rotator *certs.Rotator, known *policies.Source) error {
	err := errors.Join(
		mgr.AddHealthzCheck("ping", healthz.Ping),
		mgr.AddReadyzCheck("serving", mgr.GetWebhookServer().StartedChecker()),
		mgr.AddReadyzCheck("certificate", rotator.Ready),
		mgr.AddReadyzCheck("policies", func(*http.Request) error { return known.Ready() }),
	)
	if err != nil {
		return fmt.Errorf("add the probes: %w", err)
	}
	return nil
}
