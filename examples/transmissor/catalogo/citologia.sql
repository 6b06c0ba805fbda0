SELECT z.co_seq_fat_cidadao_pec AS co_cidadao,
       z.no_cidadao,
       z.nu_cns,
       z.nu_cpf_cidadao,
       z.co_dim_tempo_nascimento AS nascimento,
       z.nu_telefone_celular,
       u.nu_cnes,
       e.nu_ine,
       k.ultima AS ultima_coleta
  FROM tb_fat_cidadao_pec z
  JOIN tb_dim_sexo s ON s.co_seq_dim_sexo = z.co_dim_sexo AND s.sg_sexo = 'F'
  JOIN tb_dim_tempo n ON n.co_seq_dim_tempo = z.co_dim_tempo_nascimento AND n.nu_ano < 3000
  LEFT JOIN (
    SELECT f.co_fat_cidadao_pec AS cidadao, max(f.co_dim_tempo) AS ultima
      FROM tb_fat_proced_atend_proced f
      JOIN tb_dim_procedimento r ON r.co_seq_dim_procedimento = f.co_dim_procedimento
     WHERE r.co_proced IN ('0201020033', 'ABPG010')
       AND f.co_dim_tempo < 30000000
     GROUP BY f.co_fat_cidadao_pec
  ) k ON k.cidadao = z.co_seq_fat_cidadao_pec
  LEFT JOIN tb_dim_unidade_saude u ON u.co_seq_dim_unidade_saude = z.co_dim_unidade_saude_vinc
  LEFT JOIN tb_dim_equipe e ON e.co_seq_dim_equipe = z.co_dim_equipe_vinc
 WHERE n.nu_ano BETWEEN date_part('year', current_date) - 64 AND date_part('year', current_date) - 25
   AND coalesce(z.st_faleceu, 0) = 0
   AND coalesce(z.st_deletar, 0) = 0
