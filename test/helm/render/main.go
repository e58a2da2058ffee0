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
	values := flag.String("values", "{}", "values, in YAML")
	flag.Parse()
	if err := render(*dir, helm.Release{Name: *name, Namespace: *namespace, KubeVersion: *version}, *values); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}

func render(dir string, release helm.Release, text string) error {
	var values map[string]any
	if err := yaml.Unmarshal([]byte(text), &values); err != nil {
		return fmt.Errorf("parse the values: %w", err)
	}
	manifests, _, err := helm.Render(dir, release, values)
	if err != nil {
		return err
	}
	_, err = fmt.Print(manifests)
	return err
}
