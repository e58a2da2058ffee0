// Command render prints what the chart installs, as helm template does.
package main

import (
	"flag"
	"fmt"
	"os"

	"sigs.k8s.io/yaml"

	"github.com/rcroll/rcroll/test/helm"
)

func main() {
	dir := flag.String("chart", "../../charts/rcroll", "directory of the chart")
	name := flag.String("release", "rcroll", "name of the release")
	namespace := flag.String("namespace", "rcroll-system", "namespace of the release")
	version := flag.String("kube-version", "", "version of Kubernetes")
	hooks := flag.Bool("hooks", false, "print what runs before the release is uninstalled instead")
	values := flag.String("values", "{}", "values, in YAML")
	flag.Parse()
	if err := render(*dir, helm.Release{Name: *name, Namespace: *namespace, KubeVersion: *version}, *values, *hooks); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}

func render(dir string, release helm.Release, text string, hooks bool) error {
	var values map[string]any
	if err := yaml.Unmarshal([]byte(text), &values); err != nil {
		return fmt.Errorf("parse the values: %w", err)
	}
	rendered, err := helm.Render(dir, release, values)
	if err != nil {
		return err
	}
	text = rendered.Manifests
	if hooks {
		text = rendered.Hooks
	}
	_, err = fmt.Print(text)
	return err
}
