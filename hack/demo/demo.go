package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync/atomic"
	"time"

	"k8s.io/client-go/kubernetes"

	"github.com/rcroll/rcroll/pkg/api"
	"github.com/rcroll/rcroll/test/observe"
)

const (
	replicas = 5

	// patience bounds each scene; the longest takes about ten seconds.
	patience = 2 * time.Minute
)

// demo plays a user at a terminal, and measures what happens.
type demo struct {
	kubectl, kubeconfig, manifest string

	client   kubernetes.Interface
	observer *observe.Observer

	// telling is set while the agent's events are printed.
	telling atomic.Bool
}

// play plays all scenes, and returns an error that names the broken promises.
func (d *demo) play(ctx context.Context) error {
	ctx, stop := context.WithCancel(ctx)
	defer stop()
	if err := d.prepare(ctx); err != nil {
		return err
	}
	update, err := d.update(ctx)
	if err != nil {
		return err
	}
	rollback, err := d.rollback(ctx)
	if err != nil {
		return err
	}
	return summarize(os.Stdout, update, rollback)
}

// prepare removes what an earlier demo left, and creates tomcat.
func (d *demo) prepare(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	if err := d.quietly(ctx, "delete", "rc", "tomcat", "--ignore-not-found", "--cascade=foreground"); err != nil {
		return err
	}
	if err := d.show(ctx, "apply", "-f", d.manifest); err != nil {
		return err
	}
	if err := d.quietly(ctx, "wait", "rc/tomcat", fmt.Sprintf("--for=jsonpath={.status.availableReplicas}=%d", replicas)); err != nil {
		return err
	}
	return d.show(ctx, "get", "rc,pods", "-o", "wide")
}

// update is the example of kubectl rolling-update's documentation: from 7 to 8, one by
// one.
func (d *demo) update(ctx context.Context) (scene, error) {
	ctx, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	if err := d.watch(ctx); err != nil {
		return scene{}, err
	}
	if err := d.show(ctx, "set", "image", "rc/tomcat", "tomcat=tomcat:8"); err != nil {
		return scene{}, err
	}
	if err := d.awaitEnd(ctx, "Update succeeded"); err != nil {
		return scene{}, err
	}
	s := scene{name: "7 → 8", result: d.observer.Result(), steps: replicas,
		bounds: observe.Bounds{MinAvailable: replicas, MaxPods: replicas + 1, Created: replicas, Deleted: replicas}}
	return s, d.show(ctx, "get", "rc", "tomcat", "-o", "wide")
}

// rollback updates to 9, and cancels that when two of five pods are new.
func (d *demo) rollback(ctx context.Context) (scene, error) {
	ctx, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	fmt.Print("\nNow to 9, which turns out to be a mistake when two of five pods are new.\n")
	if err := d.watch(ctx); err != nil {
		return scene{}, err
	}
	if err := d.show(ctx, "set", "image", "rc/tomcat", "tomcat=tomcat:9"); err != nil {
		return scene{}, err
	}
	_, err := d.observer.Await(ctx, "two pods of tomcat:9 are available", func(m observe.Moment) bool {
		available := 0
		for _, pod := range m.WithImage("tomcat:9") {
			if pod.Available {
				available++
			}
		}
		return available >= 2
	})
	if err != nil {
		return scene{}, err
	}
	fmt.Print("\n(\"kubectl set image\" back to tomcat:8 would send nothing: it compares with the live image, which is still tomcat:8.)\n")
	d.telling.Store(false) // The command tells what happens.
	if err := d.show(ctx, "rolling-update", "tomcat", "--image=tomcat:8", "--rollback"); err != nil {
		return scene{}, err
	}
	if err := d.awaitEnd(ctx, "Rollback succeeded"); err != nil {
		return scene{}, err
	}
	s := scene{name: "8 → 9 → 8", result: d.observer.Result(), cancelled: true,
		bounds: observe.Bounds{MinAvailable: replicas, MaxPods: replicas + 1, Created: observe.Any, Deleted: observe.Any}}
	return s, d.show(ctx, "get", "rc", "tomcat", "-o", "wide")
}

// watch starts a measurement, and prints the agent's events from now on.
func (d *demo) watch(ctx context.Context) error {
	printed := map[string]bool{}
	d.telling.Store(false)
	observer, err := observe.Start(ctx, d.client, observe.Target{
		Namespace: "default", Name: "tomcat", Selector: "app=tomcat",
		OnMoment: func(m observe.Moment) {
			for _, event := range m.Events {
				// A repeated message is the same event with a higher count.
				occurrence := fmt.Sprintf("%s/%d", event.UID, event.Count)
				if event.Source.Component == "rcroll-agent" && !printed[occurrence] && d.telling.Load() {
					fmt.Println(event.Message)
				}
				printed[occurrence] = true
			}
		},
	})
	if err != nil {
		return err
	}
	observer.Begin()
	d.telling.Store(true)
	d.observer = observer
	return nil
}

// awaitEnd waits for the event that ends the rollout, and until nothing is left of it.
func (d *demo) awaitEnd(ctx context.Context, message string) error {
	_, err := d.observer.Await(ctx, "the rollout has ended", func(m observe.Moment) bool {
		if m.RC == nil || m.RC.Requested() != "" || len(m.Events) == 0 {
			return false
		}
		for _, event := range m.Events {
			if strings.HasPrefix(event.Message, message) {
				return m.RC.Status.ObservedGeneration == m.RC.Generation
			}
		}
		return false
	})
	return err
}

// show runs kubectl, and prints the command and its output.
func (d *demo) show(ctx context.Context, args ...string) error {
	fmt.Printf("\n$ kubectl %s\n", strings.Join(args, " "))
	return d.command(ctx, args...).Run()
}

// command is kubectl, which finds plugins where it is itself.
func (d *demo) command(ctx context.Context, args ...string) *exec.Cmd {
	command := exec.CommandContext(ctx, d.kubectl, args...)
	command.Env = append(os.Environ(), "KUBECONFIG="+d.kubeconfig,
		"PATH="+filepath.Dir(d.kubectl)+string(os.PathListSeparator)+os.Getenv("PATH"))
	command.Stdout, command.Stderr = os.Stdout, os.Stdout
	return command
}

// quietly runs kubectl without printing anything.
func (d *demo) quietly(ctx context.Context, args ...string) error {
	command := d.command(ctx, args...)
	command.Stdout, command.Stderr = nil, nil
	if output, err := command.CombinedOutput(); err != nil {
		return errors.Join(fmt.Errorf("kubectl %s: %w: %s", strings.Join(args, " "), err, output), ctx.Err())
	}
	return nil
}

// traces returns what a finished rollout should not have left.
func traces(m observe.Moment) []string {
	var left []string
	for key := range m.RC.Annotations {
		if strings.HasPrefix(key, api.Prefix) {
			left = append(left, "annotation "+key)
		}
	}
	for key := range m.RC.Labels {
		if strings.HasPrefix(key, api.Prefix) {
			left = append(left, "label "+key)
		}
	}
	for _, rc := range m.Others {
		left = append(left, "rc/"+rc.Name)
	}
	selector := m.RC.Spec.Selector
	if len(selector) != 2 || selector["app"] != "tomcat" || !api.IsHash(selector[api.DefaultHashLabelKey]) {
		left = append(left, fmt.Sprintf("selector %v", selector))
	}
	return left
}
