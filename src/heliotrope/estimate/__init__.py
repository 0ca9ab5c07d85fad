"""From tables to statistics: every number a report may print, one a row.

``heliotrope.estimate.cohort.estimate_all(tables, records, rulebook)`` returns the long table
``records.results.Result``. Nothing else reads the tables to make a figure: report, exports and
pooling read these rows.

Of a large cohort the tables with rows of every visit (``inputs.READ_IN_PIECES``) are never held
whole: an estimate derives what it needs of each child by ``Inputs.gather`` or ``each_piece``, and
makes its rows of what was derived. Of a small cohort that is one piece, the cohort.

How to read a row
-----------------
``analysis``, ``group``, ``variable`` and ``statistic`` name it; ``value`` is the number,
``formatted`` the same as printed, ``low`` and ``high`` its interval at ``level``, ``n_evaluable``
the children (or regimens, visits, infusions) behind it. ``refused`` is null, or the reason in
words why the records cannot answer; then ``value`` is null and ``formatted`` "not estimated".
A colon in ``variable`` joins what is measured with a word or a time: ``sex:female``,
``cmas:week_6``. Shares are fractions of 1 in ``value``, per cents in ``formatted``.

Groups
------
``all``: each child once, by its first regimen. ``later_regimens``: further regimens of the same
children (only present when there are any). ``not_confounded``: first regimens whose first
improvement no other treatment explains. For reactions: ``all`` and ``without_unrelated``
(reactions recorded as unrelated left out), both over all regimens. For agreement: ``rater_1``,
``rater_1_and_rater_2``...

Statistics
----------
``n``: a count, out of ``n_evaluable``. ``proportion_exact`` (Clopper-Pearson, the headline,
printed like "4/7 (57 %; 18-90)") and ``proportion_wilson`` beside it. ``median`` (printed with
range), ``quartile_low``, ``quartile_high``, ``minimum``, ``maximum``. ``rate_per_infusion_day``,
``rate_per_course``, ``rate_per_patient_month``: exact Poisson, printed per 100.
``upper_bound_per_infusion_day``, ``..._course``, ``..._patient_month``: only when nothing was
recorded; ``high`` is the one-sided bound. ``at_risk``, ``events``, ``survival`` (log-log
interval), ``survival_greenwood`` (plain interval): of a Kaplan-Meier curve. ``kappa`` (Cohen's) and
``kappa_fleiss``: agreement beyond chance, the interval counting children; ``kappa_weighted``: the
same with linear weights. ``proportion_clustered``: a share of visits whose exact interval is that
of the effective number of visits (Korn and Graubard). ``mean_change``, ``mean_ratio``: of the
children's mean changes (for enzymes geometric), Student's interval. ``contrast``, ``p_value``,
``p_value_holm`` (corrected for the measures tested), ``monte_carlo_error``: of a permutation test.
``turnbull_least``, ``turnbull_most``: ends of the range of a share that visits only bound; their
interval needs no assumption on who was lost. ``cumulative_incidence``: Aalen-Johansen, log-log
interval from the infinitesimal jackknife. ``mean_cumulative``: mean number of events a child,
robust interval. ``hazard_ratio`` (children counted, corrected for few) and ``hazard_ratio_naive``
(events counted): Andersen-Gill. ``share_clustered``, ``correlation_within_children``:
Beta-Binomial, profile likelihood; with no reaction only ``high`` is given, one-sided, children
counted. ``difference_clustered``: of two means or shares, children counted. ``mean_difference``,
``odds_ratio``: receiving IVIG against never having received it, interval from errors robust to
repeated visits; ``mean_difference_bootstrap``, ``odds_ratio_bootstrap``: the same, the interval of
children drawn anew. ``share``: of intervals, without limits. ``e_value``, ``e_value_limit``: how
strong an unrecorded cause would have to be to explain an estimate, or the near end of its interval,
away. ``slope``: of a fitted line, with an interval that counts children. Of the dosing rule,
``mean_difference``: simulated without IVIG less with it; ``monte_carlo_error``: of the simulation.
``verdict``: 1 or 0, in words in ``formatted``. ``difference_newcombe``, ``difference_wald``: of two
published shares.

Of the pulse model, whose intervals are of its own level: ``posterior_median``; ``prior_median``,
what was believed before the records were read; ``contraction``, the share of the prior's variance
that the records removed (of days and ratios on the logarithmic scale); ``monte_carlo_error``, what
more draws would remove; ``posterior_probability``; ``shrinkage``: 0 when a child's own visits
decide its effect, 1 when the cohort's do; ``k_hat``, ``r_hat``, ``effective_draws``,
``per_course``.

Analyses
--------
============================ ======================================================================
analysis                     variables
============================ ======================================================================
cohort                       children, with_ivig, without_ivig, subcutaneous_only, regimens,
                             later_regimens (n); response: refused when nobody had IVIG
table1                       children (n); age_at_first_infusion_years, months_from_onset,
                             months_from_diagnosis, months_on_regimen,
                             months_observed_from_first_infusion,
                             months_observed_after_last_infusion, courses, infusion_days,
                             dose_g_per_kg_first_course, dose_g_per_kg_per_course, interval_days
                             (median ...); sex:<w>, antibody:<w>, diagnosis:<w>, site:<w>,
                             status:<w>, purpose:<w>, stop_reason:<w>, earlier_drug:<drug>
                             (steroid and steroid_pulse among them), monthly (n and proportions);
                             <name>:not_recorded (n)
indication                   recorded:<w>, derived:<w>, primary:<w>, agree (n and proportions);
                             recorded:none, derived:none (n)
responded                    confirmed (THE HEADLINE), unconfirmed, no, ever_improved (confirmed or
                             not); not_evaluable (n). Also group not_confounded
response_pattern             rapid, intermediate, slow_maintained, slow, late, transient, none,
                             ambiguous; not_evaluable (n)
onset                        rapid, intermediate, slow, late, never, ambiguous; not_evaluable (n)
onset_band                   within_6_weeks, 6_to_26_weeks, after_26_weeks, ambiguous;
                             not_applicable (n: no onset)
onset_day                    onset_after_day, onset_by_day, interval_days, responded_courses
                             (median ...)
durability                   sustained, lost_on_treatment, lost_after_discontinuation; censored,
                             not_applicable (n, outside the denominator)
steroid_effect               sparing, reduced, unchanged, increased; not_on_steroid, not_evaluable
                             (n, outside the denominator)
evidence_tier                A, B, C (of the first improved visit); not_applicable (n)
confounded                   confounded, among children with an improved visit
confounded_by                <treatment>, of the same children
not_evaluable                response_pattern, response_pattern:<reason>, responded (n of all)
response_flag                <flag> (n of all)
first_response               children, improved, never_seen_improved (n);
                             after_day_<a>:by_day_<b> (or by_not_seen): share_in_interval, the
                             innermost intervals with their share; day_<t>: turnbull_least,
                             turnbull_most, known_improved, known_not_improved, not_known (n);
                             median_after_day, median_by_day (turnbull)
phase_coverage               cycles, <phase>, <phase>:children, <phase>:cycles, two_parts:cycles,
                             two_parts:children (seen early and at the trough), day_<d> (n of
                             visits, d days after a D0); what_can_be_told: refused where all visits
                             lie in one phase. Phases: pre_infusion, days_1_7, days_8_21, trough
pulse_curve                  <measure>:pre_infusion (median ...: value before an infusion),
                             <measure>:<phase> (median ..., mean_change or mean_ratio against the
                             value before the infusion of the same cycle, a child's mean counting
                             once); with :visits, :visits_compared (n, out of children)
phase_test                   measures_tested (n); <measure>: contrast (how much worse at the trough
                             than on days 1 to 21 of the same cycle; enzymes: ratio), p_value,
                             p_value_holm, monte_carlo_error; <measure>:cycles (n)
state_reached                <definition id>, e.g. inactive_disease_2015: in that state at some
                             visit after the first infusion
landmark                     <measure>:baseline, <measure>:week_6, :week_16, :week_24, :week_52
                             (median ...)
landmark_change              <measure>:week_<w>: value less baseline, in children with both
landmark_score               <score id>:week_<w>: lower bound of the improvement score (median ...);
                             <score id> alone is refused when it was never computed
landmark_score_upper         the same, upper bound
landmark_score_category      <score id>:week_<w>:at_least_minimal, :at_least_moderate,
                             :at_least_major (n and proportions, of those whose bounds decide it);
                             the same with :undecided (n: missing measures decide)
landmark_improved            week_<w>: improved at the evaluable visit nearest to it
steroid_dose                 prednisone_mg_kg_day:<point>, prednisone_mg_day:<point> (median ...);
                             points: before (day before the first infusion), week_<w>,
                             last_on_regimen, after_180_days (after the last infusion)
steroid_cumulative           prednisone_mg_kg:<window> (sum), prednisone_mg_kg_day_mean:<window>;
                             windows: before, during, after
steroid_pulses               before, during, after: children with a pulse in the window
steroid_change               fell, unchanged, rose (last on-regimen day against the day before
                             IVIG); percent_change (median ...). Say "the steroid dose fell during
                             IVIG", never that IVIG spared it
steroid_time_to_50_percent   a curve of the share not yet at half of the dose before IVIG
steroid_time_to_low_dose     a curve of the share not yet at 0.2 mg/kg/day, of those above it before
steroid_outcome              <concept>:before_first_regimen, <concept>:whole_record, e.g.
                             steroid_dependent:whole_record: children who had IVIG and met it, of
                             those judged (n and proportions); with :not_evaluable, :not_reached (n)
steroid_slope                percent_per_28_days:<window>: change of dose, median of the slopes of
                             its logarithm between any two readings of a child (median ...);
                             fell:<window> (n and proportions); windows: before, during, after
steroid_published_cut        met: cut by more than half for more than three months without a flare
                             (n and proportions, of children on a steroid before); not_evaluable (n)
drug_stopped                 <drug>:at_first_infusion, <drug>:too_recent (n), <drug>:stopped (n and
                             proportions: stopped and not taken up again),
                             <drug>:stopped_complication and :stopped_no_complication (apart),
                             <drug>:stop_reason:<reason> (n); cytotoxic, any_drug, all_drugs instead
                             of a drug: children who stopped one of them, or all; days_observed
                             (median ...)
steroid_dosing_rule          activity, ivig_beyond_activity (slope: change of the next dose, as a
                             share of the dose, a point of activity, or for full cover by IVIG);
                             dose (verdict: set by measured activity, by calendar, or not shown);
                             decisions, dose_changes, regular_gaps (n)
steroid_sparing              refused unless the dose was set by activity: spared_mg_kg_day,
                             spared_mg_kg, spared_share (mean_difference; THE ONLY ROWS of which
                             "spared" may be said, with the assumptions of the model);
                             simulated_with_ivig_mg_kg_day, simulated_without_ivig_mg_kg_day,
                             observed_mg_kg_day, days_followed (mean); effect_on_activity (slope: of
                             full cover by IVIG, at the next visit); spared_mg_kg_day
                             (monte_carlo_error); visit_pairs (n). Group ivig_in_dosing_rule:
                             spared_mg_kg_day where IVIG may lower the dose beside activity
aggravation                  population, not_in_population (n); within_180_days (headline),
                             within_90_days, within_365_days, ever (n and proportions);
                             within_180_days:not_evaluable (n); days_after_last_infusion
                             (median ...). Children lost early count only if they worsened: where
                             many are lost, read the curve
aggravation_limb             a, b, c, d, e, escalation_only (n of those who worsened)
aggravation_time             a curve of the share not worsened, days from the last infusion, late
                             entry on the day the stop is known; worsened_before_entry,
                             left_before_entry (n: not in the curve)
after_stopping_first         at_risk_ever, ended_before_entry, worsened, ivig_again, switched_to_sc,
                             died (n); day_<t>: at_risk; <event>:day_<t>: cumulative_incidence;
                             none_of_these:day_<t>: share_free. Children and times as in
                             aggravation_time
after_stopping_loss          children, lost (n: to follow-up after stopping); weight (mean, minimum,
                             maximum) of those who remain; lost_by_activity (odds_ratio: of being
                             lost, for one more of the activity last measured); weight is refused
                             with the reason. Where weights stand, aggravation_time has day_<t>
                             (survival_weighted) and after_stopping_first worsened:day_<t>
                             (cumulative_incidence_weighted) too, on the printed days
flare_mean                   children, children_with_event, events, deaths (n); day_<t> from the
                             first infusion: at_risk, mean_cumulative (who died has no further
                             flare); where some died mean_cumulative_of_living (they count as
                             lost). Recorded flares
worsening_mean               the same from the last infusion of a stopped regimen: flares and the
                             first worsening by any limb
flare_rate                   on_ivig, off_ivig: n (flares), rate_per_patient_month; with
                             :children_with_flare (n)
flare_hazard                 off_against_on_ivig: hazard_ratio, hazard_ratio_naive (an association);
                             off_against_on_ivig:events (n); refused under 20 children
reaction_exposure            infusion_day, course, patient_month, child (n: the denominators);
                             adverse_events_recorded, reactions_outside_every_window (n)
reactions                    any_occasion: n, the three rates, upper bounds when none
reactions_by_occasion        <terms>, e.g. "fever + transient proteinuria": n and rates
reactions_by_term            <term>: occasions with that term as recorded, n and rates
reactions_by_coded_term      <term of the grading system>, not_coded: occasions, n and rates
coded_term_words             <coded term>:<recorded term>: occasions so recorded (n)
children_with_coded_term     <term of the grading system>: share of the children with an infusion
reaction_grade               grade_<g>, grade_not_recorded: n of occasions, by worst grade
infusions_with_reaction      any_occasion: share of the infusions that an occasion followed
children_with_reaction       any_occasion, <term>: share of the children with an infusion
children_with_occasion       <terms>: the same for occasions
reactions_clustered          infusion_day, course: n (followed by an occasion), share_clustered,
                             correlation_within_children; with :children (n)
reactions_by_product         product_recorded (n); <product>: as reactions_clustered;
                             others_less:<product given most> (difference_clustered)
reactions_by_iga             iga_content_known (n); high, low: as reactions_clustered;
                             high_less_low (difference_clustered). Refused unless the study says
                             which product holds how much IgA
reactions_by_rate            rate_known (n); ml_per_kg_h:followed_by_reaction,
                             ml_per_kg_h:not_followed (median ...); followed_less_not
                             (difference_clustered, mL/kg/h)
haemolysis                   courses_asked (n of all courses), courses:<state>,
                             courses:not_evaluable:<reason>, courses_recorded_as_haemolysis (n);
                             children with a case, of those decided (n and proportions; refused
                             where no course is asked about); children:not_evaluable (n)
agreement                    of the clinicians' settled label with the pattern found: pattern (all
                             labels), pattern_decided (neither not_evaluable), improved (whether at
                             all): n, proportions, kappa; labelled, labels, labels_without_regimen,
                             raters_disagree, settled:<way> (n; ways: consensus, one_rater, all,
                             majority, open); refused without labels. Groups rater_1, ...: each
                             rater alone; rater_1_and_rater_2, ...: between_raters (n, proportions,
                             kappa); three raters or more: between_raters (kappa_fleiss)
agreement_cell               <found>:<label> (n)
definition_reading           <question>:<reading> of definitions_side_by_side: children who met it,
                             of those it could judge (n and proportions); with :undecided (n)
definition_agreement         groups child and visit; <one>:<other> (readings, or definitions): units
                             classed alike of those both decided (n, proportion_exact, or
                             proportion_clustered where a child has several), kappa, kappa_weighted,
                             kappa_fleiss; the same with :children, :decided_by_all,
                             :decided_by_some, :decided_by_none (n)
definition_agreement_cell    <one>:<other>:<class>:<class> (n)
literature                   <outcome>:<figure> in group this_cohort, <outcome>:<series> in groups
                             children, adults, mixed (n and proportions; published counts with our
                             exact interval; refused as a share where no denominator is published);
                             outcomes: responded, steroid_reduced, worse_after_stopping, reactions
                             (of infusions), children_with_reaction. Of a controlled trial also
                             <outcome>:<series>:compared (n: of those without IVIG), and the
                             difference (difference_newcombe, difference_wald)
literature_pooled            <outcome>: only where the study asks for it; n (series pooled),
                             proportion_random_effects, prediction_interval,
                             between_series_variance, heterogeneity; <outcome>:<series> (n: those
                             pooled); groups children, adults, mixed, never together
registry_population          comparison of treated with untreated children from diagnosis on (only
                             where enough were treated and untreated): children:treated,
                             children:untreated, intervals, intervals:with_activity,
                             left_out:<reason> (n); missing:<covariate> (never recorded so far),
                             carried:<covariate> (recorded long before) (share of intervals)
registry_weights             weight, weight_before_truncation, weight:year_<k> (mean, minimum,
                             maximum); children:treated, children:untreated (effective_children);
                             model:start, model:stop, model:loss: refused with few events
registry_positivity          <stratum>:intervals, <stratum>:starts (n), <stratum>:extreme (share);
                             strata: all, <covariate>:lower_half, :upper_half, :no, :yes
registry_balance             <covariate> (standardised_difference,
                             standardised_difference_weighted); over_limit, over_limit_weighted (n)
registry_activity            unadjusted, weighted, sequential_trials (mean_difference, cm);
                             g_formula:start_by_day_<d>, the same with :day_<d>
                             (mean_difference_bootstrap); under 0: less active while receiving
                             IVIG. An association; refused with the reason in words
registry_inactive            unadjusted, weighted: odds of first being found inactive (odds_ratio)
registry_e_value             activity:weighted, inactive:weighted (e_value, e_value_limit)
registry_description         where the comparison is refused: physician_global:before, :during in
                             group treated; :first, :last in group untreated (median ...)
pulse_model                  pulse: the one row (posterior, refused) where the model cannot be
                             fitted. Else: children, visits, infusions, infusions:dose_assumed,
                             anchor:<measure> (values of the measure that fixes the scale),
                             children:seen_before, :seen_late (long after the last infusion),
                             :without_steroid_record, :other_drug_started, :premedication_steroid,
                             :premedication_not_recorded, phase:<phase of the cycle> (of all
                             visits), fit:<method>, start_rule:<rule> (of all children in the model;
                             hazard: the start of IVIG is part of it), children:started_at_risk,
                             :not_started (children at risk), visits:at_risk (their rated visits up
                             to a start) (n); visits (per_course), visits:at_risk (per_child); fit
                             (k_hat, effective_draws, r_hat). children, visits and phases are those
                             of treated children.
                             Quick: onset_half_time_days, time_to_peak_days.
                             Pulsatile: days_above_half_peak, share_left_day_28 (one course),
                             share_left_day_28_monthly (of many), pulse_share_of_improvement,
                             half_life_over_igg, peak:<measure> (points of improvement; of an enzyme
                             the ratio to its value without IVIG),
                             share_above_important_difference:<measure> (of these children);
                             curve:day_<d> (after one course), monthly_curve:day_<d>.
                             Lasting: persistent_effect, activity_180_days_after_stopping (under 0:
                             less active than never treated),
                             lasting_effect_above_important_difference, and both with
                             :<alternative> in which what is gained fades; refused unless the start
                             rule is hazard. tipping_drift (natural improvement in 180 days that
                             alone would explain the persistent effect) is given in any case
pulse_model_child            child_<rank>: each child's own peak, largest first and without a name,
                             n_evaluable 1 (posterior_median, shrinkage)
pulse_model_sensitivity      as_defined:<parameter>, <alternative>:<parameter>: the conventions
                             varied (posterior_median, of the normal approximation)
pulse_model_check            leave_one_out (elpd, p, k_hat_highest; :deciding, child_<rank> k_hat),
                             visits_by_activity (correlation, p_value), convention:<alternative>
                             (log_evidence_ratio); statistic warning: what the report says;
                             not_seen_at_this_size:<check> (share_found: of simulated case series
                             with a departure those in which the check found it, where few)
pulse_model_prior            <measure>:day_<d> (months from the first infusion): what the priors
                             expect of a child with the visits and courses of one of these
                             (prior_median, with its interval) and what was recorded
                             (observed_median, n_evaluable children); <measure>: share_inside (of
                             the recorded values). In points or, of an enzyme, the ratio to its
                             upper limit; higher is worse
pulse_model_what_if          <scenario>:activity_day_<h>, :share_losing_response_day_<h>: a model's
                             prediction for research, never advice; scenarios: as_before, stopped,
                             every_42_days, dose_reduced; days from when the next course is due
============================ ======================================================================

A curve has the rows ``at_risk_ever`` and ``events`` (n); for each day with an event and each
printed day the variable ``day_<t>`` with ``at_risk``, ``events``, ``survival`` and
``survival_greenwood``; for each day on which children were last seen without the event
``day_<t>`` with ``censored``; and ``median_day`` with the statistic ``median``. With nobody at
risk the variable ``curve`` is refused.
"""
