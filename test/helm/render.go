// Package helm renders the chart, and tests what it renders.
package helm

import (
	"fmt"
	"path"
	"strings"

	"helm.sh/helm/v4/pkg/chart/common"
	"helm.sh/helm/v4/pkg/chart/common/util"
	"helm.sh/helm/v4/pkg/chart/v2/loader"
	"helm.sh/helm/v4/pkg/engine"
	releaseutil "helm.sh/helm/v4/pkg/release/v1/util"
)

// Release is where and as what the chart is installed.
type Release struct {
	Name, Namespace string

	// KubeVersion is that of the cluster; of the newest that Helm knows, if it is empty.
	KubeVersion string
}

// Rendered is what a release consists of.
type Rendered struct {
	// Manifests are what helm install applies, Hooks what helm uninstall does; either in one
	// stream.
	Manifests, Hooks string

	Notes string
}

// Render renders the chart, as helm install does.
func Render(dir string, release Release, values map[string]any) (Rendered, error) {
	chart, err := loader.LoadDir(dir)
	if err != nil {
		return Rendered{}, fmt.Errorf("load the chart: %w", err)
	}
	capabilities := *common.DefaultCapabilities
	if release.KubeVersion != "" {
		version, err := common.ParseKubeVersion(release.KubeVersion)
		if err != nil {
			return Rendered{}, fmt.Errorf("parse the version of Kubernetes: %w", err)
		}
		capabilities.KubeVersion = *version
	}
	options := common.ReleaseOptions{Name: release.Name, Namespace: release.Namespace, Revision: 1, IsInstall: true}
	all, err := util.ToRenderValues(chart, values, options, &capabilities)
	if err != nil {
		return Rendered{}, fmt.Errorf("check the values: %w", err)
	}
	files, err := engine.Render(chart, all)
	if err != nil {
		return Rendered{}, fmt.Errorf("render the chart: %w", err)
	}
	var notes string
	for name, text := range files {
		switch {
		case path.Base(name) == "NOTES.txt":
			notes = text
			delete(files, name)
		case !strings.HasSuffix(name, ".yaml"):
			delete(files, name)
		}
	}
	hooks, manifests, err := releaseutil.SortManifests(files, nil, releaseutil.InstallOrder)
	if err != nil {
		return Rendered{}, fmt.Errorf("read what was rendered: %w", err)
	}
	rendered := Rendered{Notes: notes}
	for _, manifest := range manifests {
		rendered.Manifests += document(manifest.Content)
	}
	for _, hook := range hooks {
		rendered.Hooks += document(hook.Manifest)
	}
	return rendered, nil
}

func document(text string) string { return "---\n" + strings.Trim(text, "\n") + "\n" }
