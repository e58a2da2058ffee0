// Command localcluster is a whole Kubernetes control plane in one executable: called as etcd, kube-apiserver,
// kube-controller-manager, kube-scheduler, kubectl or kwok it is that program, and under its own name it boots, repairs
// and removes a cluster of them, with rcroll installed.
package main

import (
	"context"
	"fmt"
	"os"
	"os/signal"
	"path/filepath"
	"syscall"
)

func main() {
	os.Exit(run())
}

func run() int {
	if program, ok := embedded[filepath.Base(os.Args[0])]; ok {
		return program()
	}
	if len(os.Args) > 1 {
		if program, ok := embedded[os.Args[1]]; ok {
			os.Args = os.Args[1:]
			return program()
		}
	}
	ctx, cancel := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer cancel()
	if err := newCommand().ExecuteContext(ctx); err != nil {
		fmt.Fprintln(os.Stderr, "localcluster:", err)
		return 1
	}
	return 0
}
