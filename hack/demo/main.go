// Command demo shows on a running cluster what rcroll does, with the tomcat of kubectl
// rolling-update's documentation, and measures it: a rolling update from 7 to 8, and
// one to 9 that is cancelled half-way. It fails if a promise was broken.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"os"
	"os/signal"
	"path/filepath"
	"syscall"

	"k8s.io/client-go/kubernetes"
	"k8s.io/client-go/tools/clientcmd"
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	if err := run(ctx); err != nil {
		fmt.Fprintln(os.Stderr, "\nThe demo failed:", err)
		os.Exit(1)
	}
}

func run(ctx context.Context) error {
	kubeconfig := flag.String("kubeconfig", os.Getenv("KUBECONFIG"), "path to the kubeconfig file of a cluster with rcroll")
	kubectl := flag.String("kubectl", filepath.Join("bin", "kubectl"), "path to kubectl")
	manifest := flag.String("manifest", filepath.Join("examples", "tomcat-rc.yaml"), "path to the manifest of rc/tomcat with the image tomcat:7")
	flag.Parse()

	config, err := clientcmd.BuildConfigFromFlags("", *kubeconfig)
	if err != nil {
		return fmt.Errorf("load kubeconfig %s: %w", *kubeconfig, err)
	}
	client, err := kubernetes.NewForConfig(config)
	if err != nil {
		return fmt.Errorf("create a client: %w", err)
	}
	if *kubectl, err = filepath.Abs(*kubectl); err != nil {
		return fmt.Errorf("find kubectl: %w", err)
	}
	d := &demo{kubectl: *kubectl, kubeconfig: *kubeconfig, manifest: *manifest, client: client}
	err = d.play(ctx)
	if errors.Is(err, context.DeadlineExceeded) {
		return fmt.Errorf("%w (the logs of webhook and agent are in %s)", err, filepath.Join(filepath.Dir(*kubeconfig), "logs"))
	}
	return err
}
